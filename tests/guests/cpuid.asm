; SPDX-License-Identifier: GPL-3.0-or-later
; Prints what CPUID says: "C EAX EBX ECX EDX"; halts, deaf to interrupts.
%include "guest.inc"
guest_begin
leaf: dd 1
start:
    guest_setup
    mov eax, [leaf]
    cpuid
    push edx
    push ecx
    push ebx
    push eax
    mov al, 'C'
    call put_byte
    mov bp, 4
.next:
    pop eax
    call put_hex
    dec bp
    jnz .next
    call new_line
.halt:
    hlt
    jmp .halt
print_routines
guest_end
