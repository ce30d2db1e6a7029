; SPDX-License-Identifier: GPL-3.0-or-later
; Adds 1 to the first byte of each page of a range, round after round, having looked that it is what the last round has
; left. The number of the round lies in a register, so a page that was lost on the way to another host shows.
; After each round: "W ROUND ERRORS"; at a page with another byte: "LOST ADDRESS ROUND".
%include "guest.inc"
guest_begin
first: dd 0x100000
pages: dd 1024
pace: dd 0 ; turns of an empty loop after each page
rest: dd 0 ; and after each round
start:
    guest_setup
    enter_protected
    mov edi, [first]
    mov ecx, [pages]
    jecxz .cleared
.clear:
    mov byte [edi], 0
    add edi, 4096
    dec ecx
    jnz .clear
.cleared:
    xor ebx, ebx ; the round
    xor ebp, ebp ; errors
    mov [copy], ebx
.round:
    mov edi, copy
    cmp [edi], ebx ; the page of the code is looked at too
    je .walk
    call lost
.walk:
    mov edi, [first]
    mov esi, [pages]
    test esi, esi
    jz .walked
.page:
    cmp [edi], bl
    je .same
    call lost
    mov [edi], bl
.same:
    inc byte [edi]
    mov ecx, [pace]
    call delay
    add edi, 4096
    dec esi
    jnz .page
.walked:
    inc ebx
    mov [copy], ebx
    mov al, 'W'
    call put_byte
    mov eax, ebx
    call put_hex
    mov eax, ebp
    call put_hex
    call new_line
    mov ecx, [rest]
    call delay
    jmp .round

; edi: where
lost:
    inc ebp
    push esi
    mov esi, word_lost
    call put_text
    mov eax, edi
    call put_hex
    mov eax, ebx
    call put_hex
    pop esi
    jmp new_line

; ecx: how long
delay:
    jecxz .end
.wait:
    dec ecx
    jnz .wait
.end:
    ret

print_routines
text_routine
word_lost: db "LOST", 0
    align 4
copy: dd 0
guest_end
