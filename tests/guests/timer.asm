; SPDX-License-Identifier: GPL-3.0-or-later
; Lets the timer (PIT channel 0, IRQ 0) interrupt and counts; sleeps in between. "T TICKS" after each `every` of them.
%include "guest.inc"
guest_begin
divisor: dd 11932 ; of 1193182 Hz: 100 ticks a second
every: dd 10
start:
    guest_setup
    set_handler 0, tick
    set_up_interrupts 0x01
    mov al, 0x34 ; channel 0, both bytes, rate generator
    out 0x43, al
    mov al, [divisor]
    out 0x40, al
    mov al, [divisor + 1]
    out 0x40, al
    xor ebp, ebp ; what was printed last
.sleep:
    sti
    hlt
    cli
    mov ebx, [ticks]
    mov eax, ebx
    sub eax, ebp
    cmp eax, [every]
    jb .sleep
    mov ebp, ebx
    mov al, 'T'
    call put_byte
    mov eax, ebx
    call put_hex
    call new_line
    jmp .sleep

tick:
    push ax
    inc dword [ticks]
    end_of_interrupt
    pop ax
    iret

print_routines
    align 4
ticks: dd 0
guest_end
