; SPDX-License-Identifier: GPL-3.0-or-later
; Prints "HALT" and halts, deaf to interrupts; should it ever wake, it prints "AWAKE" and halts again.
%include "guest.inc"
guest_begin
start:
    guest_setup
    mov si, word_halt
    call put_text
.halt:
    hlt
    mov si, word_awake
    call put_text
    jmp .halt
print_routines
text_routine
word_halt: db "HALT", 10, 0
word_awake: db "AWAKE", 10, 0
guest_end
