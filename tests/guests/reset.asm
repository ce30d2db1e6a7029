; SPDX-License-Identifier: GPL-3.0-or-later
; Prints "BOOT" and resets the machine by the keyboard controller's port.
%include "guest.inc"
guest_begin
start:
    guest_setup
    mov si, word_boot
    call put_text
    mov al, 0xfe
    out 0x64, al
.halt:
    hlt
    jmp .halt
print_routines
text_routine
word_boot: db "BOOT", 10, 0
guest_end
