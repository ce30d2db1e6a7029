; SPDX-License-Identifier: GPL-3.0-or-later
; A multiboot kernel at 2 MiB. Prints what it was handed: "M MAGIC FLAGS MEM_UPPER", its command line, "S" and the words of
; each module with the module's first four bytes, "B" and a word of its cleared memory; then it halts. In the plain form
; its header says where it goes, in the other (-DELF) the ELF header does.
%include "guest.inc"
bits 32
%ifdef ELF
section .text
global start
%define FLAGS 2
%else
org 0x200000
%define FLAGS 0x10002
%endif
header:
    align 4
    dd 0x1badb002
    dd FLAGS
    dd -(0x1badb002 + FLAGS)
%ifndef ELF
    dd header
    dd header
    dd cleared
    dd cleared + 0x1000
    dd start
%endif
start:
    mov esp, 0x1ff000
    push eax
    mov al, 'M'
    call put_byte
    pop eax
    call put_hex
    mov eax, [ebx]
    call put_hex
    mov eax, [ebx + 8]
    call put_hex
    call new_line
    mov esi, [ebx + 16]
    call put_text
    call new_line
    mov ebp, [ebx + 20]
    mov edi, [ebx + 24]
    test ebp, ebp
    jz .no_modules
.module:
    mov al, 'S'
    call put_byte
    mov eax, [edi]
    mov eax, [eax]
    call put_hex
    mov al, ' '
    call put_byte
    mov esi, [edi + 8]
    call put_text
    call new_line
    add edi, 16
    dec ebp
    jnz .module
.no_modules:
    mov al, 'B'
    call put_byte
    mov eax, [cleared]
    call put_hex
    call new_line
.halt:
    cli
    hlt
    jmp .halt
print_routines
text_routine
%ifdef ELF
section .bss
cleared: resb 0x1000
%else
    align 4
cleared:
%endif
