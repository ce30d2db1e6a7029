; SPDX-License-Identifier: GPL-3.0-or-later
; The walker on all CPUs that there are (4 at most): each walks a range of its own, one behind the other. The first CPU's
; marks are "W ROUND ERRORS", the next ones' begin with X, Y, Z.
%include "guest.inc"
%define ENTRY 0x8000 ; where the other CPUs start: a jump to `start`
%define OWN 0x2000 ; 256 bytes for each CPU, at ebp
%define ERRORS ebp
%define BEGIN ebp + 4
%define LETTER ebp + 8
%define COPY ebp + 12
guest_begin
first: dd 0x100000
pages: dd 512 ; of each CPU
pace: dd 0 ; turns of an empty loop after each page
rest: dd 0 ; and after each round
start:
    guest_setup
    enter_protected
    mov ecx, [LAPIC + 0x20]
    shr ecx, 24 ; the number of this CPU
    mov eax, ecx
    shl eax, 8
    sub esp, eax
    lea ebp, [eax + OWN]
    lea eax, [ecx + 'W']
    mov [LETTER], eax
    mov eax, [pages]
    shl eax, 12
    mul ecx
    add eax, [first]
    mov [BEGIN], eax
    xor ebx, ebx ; the round
    mov [COPY], ebx
    mov [ERRORS], ebx
    test ecx, ecx
    jnz clear
    mov [printing], ebx
    mov byte [ENTRY], 0xea
    mov dword [ENTRY + 1], start
    mov dword [LAPIC + 0xf0], 0x1ff
    mov dword [LAPIC + 0x300], 0xc4500 ; to all others: INIT
    mov ecx, 10000
    call delay
    mov dword [LAPIC + 0x300], 0xc4600 + ENTRY / 4096 ; and where to start
clear:
    mov edi, [BEGIN]
    mov ecx, [pages]
    jecxz .cleared
.page:
    mov byte [edi], 0
    add edi, 4096
    dec ecx
    jnz .page
.cleared:
.round:
    lea edi, [COPY]
    cmp [edi], ebx ; the CPU's own page is looked at too
    je .walk
    call lost
.walk:
    mov edi, [BEGIN]
    mov esi, [pages]
    test esi, esi
    jz .walked
.next:
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
    jnz .next
.walked:
    inc ebx
    mov [COPY], ebx
    mov al, [LETTER]
    mov edi, ebx
    mov esi, [ERRORS]
    call report
    mov ecx, [rest]
    call delay
    jmp .round

; edi: where. "L ADDRESS ROUND"
lost:
    inc dword [ERRORS]
    push esi
    push edi
    mov esi, ebx
    mov al, 'L'
    call report
    pop edi
    pop esi
    ret

; al: a letter; edi, esi: two numbers. One CPU at a time.
report:
    mov ecx, 1
.wait:
    xchg ecx, [printing]
    jecxz .mine
    jmp .wait
.mine:
    call put_byte
    mov eax, edi
    call put_hex
    mov eax, esi
    call put_hex
    call new_line
    mov dword [printing], 0
    ret

; ecx: how long
delay:
    jecxz .end
.wait:
    dec ecx
    jnz .wait
.end:
    ret

print_routines
    align 4
printing: dd 0
guest_end
