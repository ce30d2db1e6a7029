; SPDX-License-Identifier: GPL-3.0-or-later
; Prints "SPIN" and turns for ever, deaf to interrupts.
%include "guest.inc"
guest_begin
start:
    guest_setup
    mov si, word_spin
    call put_text
    jmp $
print_routines
text_routine
word_spin: db "SPIN", 10, 0
guest_end
