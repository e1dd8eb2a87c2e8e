# belay_link_late(TARGET): links what LATE holds (libraries.cmake) into a program that links libbelay: with stand-ins that load the
# libraries when they are called first (late.sh), where we know how to write them, else as usual.
function(belay_link_late target)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" OR NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
    target_link_libraries(${target} PRIVATE PkgConfig::LATE)
    return()
  endif()
  set(calls ${CMAKE_BINARY_DIR}/generated/late_calls.s)
  add_custom_command(OUTPUT ${calls}
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/late.sh $<TARGET_FILE:belay> ${LATE_LINK_LIBRARIES} > ${calls}
    DEPENDS belay ${CMAKE_SOURCE_DIR}/cmake/late.sh
    COMMENT "Making stand-ins for libraries that are loaded late")
  target_sources(${target} PRIVATE ${calls})
  target_link_libraries(${target} PRIVATE ${CMAKE_DL_LIBS})
endfunction()
