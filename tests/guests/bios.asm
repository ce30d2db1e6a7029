; SPDX-License-Identifier: GPL-3.0-or-later
; A firmware image of 64 KiB that copies the guest SECTOR to 0000:7c00 and enters it there. The sector stands at offset
; 0x7c00 of the image, so its parameters are at 0x7c04.
bits 16
org 0
    times 0x7c00 db 0
    incbin SECTOR
    times 0xff00 - ($ - $$) db 0
copy:
    cli
    cld
    mov ax, cs
    mov ds, ax
    xor ax, ax
    mov es, ax
    mov si, 0x7c00
    mov di, si
    mov cx, 256
    rep movsw
    jmp 0x0000:0x7c00
    times 0xfff0 - ($ - $$) db 0
    jmp 0xf000:copy
    times 0x10000 - ($ - $$) db 0
