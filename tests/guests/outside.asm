; SPDX-License-Identifier: GPL-3.0-or-later
; Writes and reads where no RAM is: "R VALUE" is what was read first, "P VALUE" the same of a port where nothing is; then
; it writes there for ever.
%include "guest.inc"
guest_begin
address: dd 0xd0000000
port: dd 0x5678
start:
    guest_setup
    enter_protected
    mov edi, [address]
    mov dword [edi], 0x12345678
    mov al, 'R'
    call put_byte
    mov eax, [edi]
    call put_hex
    call new_line
    mov al, 'P'
    call put_byte
    mov dx, [port]
    in eax, dx
    call put_hex
    call new_line
.write:
    mov [edi], eax
    inc eax
    mov dx, [port]
    out dx, al
    jmp .write
print_routines
guest_end
