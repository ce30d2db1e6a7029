; SPDX-License-Identifier: GPL-3.0-or-later
; Prints "BOOT" and makes a triple fault: an invalid instruction in 32 bits with no handler for any exception.
%include "guest.inc"
guest_begin
start:
    guest_setup
    enter_protected
    mov esi, word_boot
    call put_text
    lidt [nothing]
    ud2
print_routines
text_routine
word_boot: db "BOOT", 10, 0
nothing: dw 0
    dd 0
guest_end
