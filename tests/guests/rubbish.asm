; SPDX-License-Identifier: GPL-3.0-or-later
; Prints "RUBBISH", fills memory with noise and goes there; no exception has a handler, so it ends in a triple fault if
; the noise comes to any.
%include "guest.inc"
guest_begin
seed: dd 1
start:
    guest_setup
    mov si, word_rubbish
    call put_text
    mov eax, [seed]
    mov di, 0x8000
.fill:
    imul eax, eax, 1664525
    add eax, 1013904223
    mov edx, eax
    shr edx, 24
    mov [di], dl
    inc di
    jnz .fill
    lidt [nothing]
    jmp 0x0000:0x8000
print_routines
text_routine
word_rubbish: db "RUBBISH", 10, 0
nothing: dw 0
    dd 0
guest_end
