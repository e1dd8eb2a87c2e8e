# Text files that the program carries: policies/*.yaml and policies/rules/*.md become C string tables.
# src/base/embedded.h declares them: embedded_find("policies/production.yaml").
file(GLOB embedded_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/policies/*.yaml ${CMAKE_SOURCE_DIR}/policies/rules/*.md)
set(embedded_c ${CMAKE_BINARY_DIR}/generated/embedded_data.c)
add_custom_command(OUTPUT ${embedded_c}
  COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR} -DOUT=${embedded_c} -P ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
  DEPENDS ${embedded_files} ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
  COMMENT "Embedding policies")
target_sources(belay_base PRIVATE ${embedded_c})
