; SPDX-License-Identifier: GPL-3.0-or-later
; Prints 0, 1, 2 ... on COM1, a line each, for ever.
%include "guest.inc"
guest_begin
pace: dd 10000 ; turns of an empty loop after each line
start:
    guest_setup
    xor ebp, ebp
.line:
    mov eax, ebp
    xor cx, cx
.divide: ; its digits go onto the stack, the last one first
    xor edx, edx
    mov ebx, 10
    div ebx
    push dx
    inc cx
    test eax, eax
    jnz .divide
.digit:
    pop ax
    add al, '0'
    call put_byte
    dec cx
    jnz .digit
    call new_line
    inc ebp
    mov ecx, [pace]
    test ecx, ecx
    jz .line
.wait:
    dec ecx
    jnz .wait
    jmp .line
print_routines
guest_end
