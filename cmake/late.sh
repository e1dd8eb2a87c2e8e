#!/bin/sh
# late.sh ARCHIVE LIBRARY...: prints assembler (x86-64) that stands for shared libraries which most commands never need.
#
# Loading libpq, libarchive (with what they bring: Kerberos, LDAP, GnuTLS, ICU, ...) or libcrypto takes longer than linting a file. So
# the program is not linked with them. Each of their functions that ARCHIVE calls becomes a jump through a slot; a slot first leads to
# late_load (src/cli/late.c), which loads the library, fills in all slots of it, and the call goes on as if nothing had been.
# Only functions can be late: a data symbol of the library ends the build.
set -eu
trap 'rm -f "late.$$"' EXIT
archive=$1
shift
echo '/* made by cmake/late.sh */'
echo '.section .note.GNU-stack,"",@progbits'
n=0
for library; do
  soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
  [ -n "$soname" ] || { echo "late.sh: $library has no soname" >&2; exit 1; }
  nm -u "$archive" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u >"late.$$"
  nm -D --defined-only "$library" | sed 's/@.*//' | awk '{ print $3, $2 }' | sort -u | join "late.$$" - |
    awk -v n=$n -v soname="$soname" '
      $2 !~ /[TWi]/ { print "late.sh: " $1 " of " soname " is no function" > "/dev/stderr"; exit 1 }
      {
        name[++count] = $1
      }
      END {
        print ".text"
        for (i = 1; i <= count; i++) {
          printf ".globl %s\n.hidden %s\n.type %s, @function\n", name[i], name[i], name[i]
          printf "%s:\n  endbr64\n  jmp *.Lslot%d_%d(%%rip)\n", name[i], n, i
          printf ".Lfirst%d_%d:\n  endbr64\n  leaq .Lslot%d_%d(%%rip), %%r11\n  jmp .Lload%d\n", n, i, n, i, n
        }
        # The arguments of the call are kept (also those of variadic functions: %al), all else is free.
        printf ".Lload%d:\n  pushq %%rbp\n  movq %%rsp, %%rbp\n  andq $-16, %%rsp\n  subq $208, %%rsp\n", n
        split("rdi rsi rdx rcx r8 r9 rax r11", saved, " ")
        for (i = 1; i <= 8; i++) printf "  movq %%%s, %d(%%rsp)\n", saved[i], (i - 1) * 8
        for (i = 0; i < 8; i++) printf "  movups %%xmm%d, %d(%%rsp)\n", i, 64 + i * 16
        printf "  leaq .Llibrary%d(%%rip), %%rdi\n  call late_load\n", n
        for (i = 0; i < 8; i++) printf "  movups %d(%%rsp), %%xmm%d\n", 64 + i * 16, i
        for (i = 1; i <= 8; i++) printf "  movq %d(%%rsp), %%%s\n", (i - 1) * 8, saved[i]
        print "  leave\n  jmp *(%r11)"
        # struct late_library of late.c
        printf ".data\n.balign 8\n.Llibrary%d:\n  .quad .Lsoname%d, .Lnames%d, .Lslots%d\n", n, n, n, n
        printf ".Lslots%d:\n", n
        for (i = 1; i <= count; i++) printf ".Lslot%d_%d: .quad .Lfirst%d_%d\n", n, i, n, i
        printf ".section .rodata\n.Lsoname%d: .asciz \"%s\"\n.Lnames%d:\n", n, soname, n
        for (i = 1; i <= count; i++) printf "  .asciz \"%s\"\n", name[i]
        print "  .byte 0"
      }'
  n=$((n + 1))
done
