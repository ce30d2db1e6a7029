; SPDX-License-Identifier: GPL-3.0-or-later
; Floods COM1 without a look at its state: lines of 63 characters, then "DONE", then sleep for ever.
%include "guest.inc"
guest_begin
lines: dd 1562500 ; of 64 bytes: 100 MB
start:
    guest_setup
    mov ebp, [lines]
    mov dx, COM1
    test ebp, ebp
    jz .done
.line:
    mov al, '0'
    mov cx, 63
.byte:
    out dx, al
    inc al
    dec cx
    jnz .byte
    mov al, 10
    out dx, al
    dec ebp
    jnz .line
.done:
    mov si, word_done
    call put_text
.sleep:
    hlt
    jmp .sleep
print_routines
text_routine
word_done: db "DONE", 10, 0
guest_end
