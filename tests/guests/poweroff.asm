; SPDX-License-Identifier: GPL-3.0-or-later
; Prints "OFF" and switches the machine off by its power port; prints "STILL HERE" if nothing came of it.
%include "guest.inc"
guest_begin
value: dd 0x2000
port: dd 0x604
start:
    guest_setup
    mov si, word_off
    call put_text
    mov dx, [port]
    mov ax, [value]
    out dx, ax
    mov si, word_still_here
    call put_text
.halt:
    hlt
    jmp .halt
print_routines
text_routine
word_off: db "OFF", 10, 0
word_still_here: db "STILL HERE", 10, 0
guest_end
