; SPDX-License-Identifier: GPL-3.0-or-later
; Prints "READY", then "PRESSED" each time when the power button is, by IRQ 9; sleeps in between.
%include "guest.inc"
%define POWER 0x600
%define BUTTON 0x100
guest_begin
start:
    guest_setup
    set_handler 9, press
    set_up_interrupts 0x04 ; what the second controller sends
    mov al, 0xfd
    out PIC2 + 1, al
    mov dx, POWER + 2
    mov ax, BUTTON
    out dx, ax
    mov si, word_ready
    call put_text
.sleep:
    sti
    hlt
    cli
    cmp word [presses], 0
    je .sleep
    dec word [presses]
    mov si, word_pressed
    call put_text
    jmp .sleep

press:
    push ax
    push dx
    mov dx, POWER
    mov ax, BUTTON ; a one clears it
    out dx, ax
    inc word [presses]
    mov al, 0x20
    out PIC2, al
    end_of_interrupt
    pop dx
    pop ax
    iret

print_routines
text_routine
word_ready: db "READY", 10, 0
word_pressed: db "PRESSED", 10, 0
    align 2
presses: dw 0
guest_end
