; SPDX-License-Identifier: GPL-3.0-or-later
; Prints "EXIT" and writes a byte to the debug exit port (isa-debug-exit); prints "STILL HERE" if nothing came of it.
%include "guest.inc"
guest_begin
value: dd 42
port: dd 0xf4
start:
    guest_setup
    mov si, word_exit
    call put_text
    mov dx, [port]
    mov al, [value]
    out dx, al
    mov si, word_still_here
    call put_text
.halt:
    hlt
    jmp .halt
print_routines
text_routine
word_exit: db "EXIT", 10, 0
word_still_here: db "STILL HERE", 10, 0
guest_end
