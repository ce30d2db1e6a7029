// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/sandbox.hpp"

#include "util/text.hpp"

#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace minivisor::main {

#if defined(__x86_64__)

namespace {

// What no virtual machine monitor needs, whatever it does.
constexpr int base[] = {SYS_reboot, SYS_swapon, SYS_swapoff, SYS_syslog, SYS_mount, SYS_umount2, SYS_kexec_load,
    SYS_afs_syscall, SYS_getpmsg, SYS_putpmsg, SYS_security, SYS_tuxcall, SYS_vserver, SYS_pivot_root, SYS_init_module,
    SYS_finit_module, SYS_delete_module, SYS_kexec_file_load};
constexpr int obsolete[]
    = {SYS__sysctl, SYS_create_module, SYS_get_kernel_syms, SYS_query_module, SYS_sysfs, SYS_uselib, SYS_ustat};
constexpr int privileges[] = {SYS_setuid, SYS_setgid, SYS_setpgid, SYS_setsid, SYS_setreuid, SYS_setregid,
    SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid, SYS_setgroups, SYS_capset};
constexpr int spawning[] = {SYS_fork, SYS_vfork, SYS_execve, SYS_execveat};
constexpr int resources[] = {SYS_setpriority, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_setaffinity,
    SYS_sched_setattr, SYS_ioprio_set};

constexpr unsigned int x32_bit = 0x40000000;

/// A filter as it is built up: each rule decides about one call or lets the next rule look.
class Filter {
public:
    Filter()
    {
        load(offsetof(seccomp_data, arch));
        m_code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
        give(SECCOMP_RET_KILL_PROCESS);
        load(offsetof(seccomp_data, nr));
        m_code.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1));
        give(SECCOMP_RET_KILL_PROCESS);
    }

    template <std::size_t N>
    void deny(int const (&calls)[N], unsigned int action)
    {
        for (int const call : calls)
            deny(call, action);
    }
    void deny(int call, unsigned int action)
    {
        m_code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned int>(call), 0, 1));
        give(action);
    }
    /// clone() may make threads only.
    void threads_only()
    {
        m_code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
        load(offsetof(seccomp_data, args)); // the low half of the flags
        m_code.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
        give(SECCOMP_RET_ERRNO | EPERM);
        give(SECCOMP_RET_ALLOW);
    }

    Result<void> install()
    {
        give(SECCOMP_RET_ALLOW);
        sock_fprog program{static_cast<unsigned short>(m_code.size()), m_code.data()};
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
            return Error::system("failed to install seccomp syscall filter in the kernel", errno);
        return {};
    }

private:
    void load(std::size_t offset)
    {
        m_code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned int>(offset)));
    }
    void give(unsigned int action) { m_code.push_back(BPF_STMT(BPF_RET | BPF_K, action)); }

    std::vector<sock_filter> m_code;
};

} // namespace

Result<void> enter_sandbox(SandboxOptions const& options)
{
    // Without it only root may install a filter; a program that was started could shake off what it forbids.
    if (options.no_new_privileges || !options.elevate_privileges || geteuid() != 0)
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
            return Error::system("failed to set no_new_privs", errno);
    Filter filter;
    filter.deny(base, SECCOMP_RET_KILL_PROCESS);
    if (!options.obsolete)
        filter.deny(obsolete, SECCOMP_RET_KILL_PROCESS);
    if (!options.elevate_privileges)
        filter.deny(privileges, SECCOMP_RET_KILL_PROCESS);
    if (!options.resource_control)
        filter.deny(resources, SECCOMP_RET_ERRNO | EPERM);
    if (!options.spawn) {
        filter.deny(spawning, SECCOMP_RET_ERRNO | EPERM);
        filter.deny(
            SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS); // its flags cannot be looked at: callers fall back to clone()
        filter.threads_only();
    }
    return filter.install();
}

#else

Result<void> enter_sandbox(SandboxOptions const&)
{
    return Error::generic("sandboxing is not supported on this architecture");
}

#endif

} // namespace minivisor::main
