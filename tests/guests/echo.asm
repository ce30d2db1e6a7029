; SPDX-License-Identifier: GPL-3.0-or-later
; Sends back what comes in on COM1, by its interrupt (IRQ 4); sleeps in between. Prints "READY" first.
%include "guest.inc"
guest_begin
start:
    guest_setup
    set_handler 4, receive
    set_up_interrupts 0x10
    mov dx, COM1 + 2
    mov al, 0x07 ; FIFOs on and empty
    out dx, al
    mov dx, COM1 + 4
    mov al, 0x0b ; DTR, RTS, OUT2
    out dx, al
    mov dx, COM1 + 1
    mov al, 0x01 ; received data interrupts
    out dx, al
    mov si, word_ready
    call put_text
.sleep:
    sti
    hlt
    jmp .sleep

receive:
    push ax
    push dx
.next:
    mov dx, LSR
    in al, dx
    test al, 1
    jz .end
    mov dx, COM1
    in al, dx
    call put_byte
    jmp .next
.end:
    end_of_interrupt
    pop dx
    pop ax
    iret

print_routines
text_routine
word_ready: db "READY", 10, 0
guest_end
