/*
 * forbid.c - which system calls a process may still make in which a plugin is tried
 * out: those of the C library's and Swift's own affairs, of the dynamic linker's, and of the
 * engine's.  All others raise SIGSYS, which says which it was (seccomp(2)).
 */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Whatever their arguments are. */
static const unsigned int free_calls[] = {
    SYS_read, SYS_readv, SYS_pread64, SYS_write, SYS_writev, SYS_close, SYS_lseek, SYS_fstat, SYS_newfstatat,
    SYS_statx, SYS_readlinkat, SYS_faccessat, SYS_faccessat2, SYS_getdents64, SYS_getcwd, SYS_fcntl, SYS_memfd_create,
    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_mincore, SYS_brk, SYS_membarrier,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_sigaltstack, SYS_restart_syscall,
    SYS_futex, SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_ppoll,
    SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getrandom,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_getcpu, SYS_rseq, SYS_set_robust_list, SYS_exit, SYS_uname,
    SYS_sysinfo, SYS_getrusage, SYS_times,
#ifdef SYS_stat
    SYS_stat, SYS_lstat, SYS_readlink, SYS_access, SYS_poll, SYS_time, SYS_arch_prctl,
#endif
};
#define FREE_CALLS (sizeof(free_calls) / sizeof(free_calls[0]))

/* Of a kind, if one argument is right. */
enum test { EQUALS, HAS_NONE_OF, HAS_ONE_OF };
struct rule {
	unsigned int call, argument;
	enum test test;
	uint32_t value;
};

/* Each of these opens a file for writing, or makes one: O_TMPFILE takes one of the first two as well. */
#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
#define MAX_RULES 32
#define MAX_FILTER (2 * FREE_CALLS + 6 * MAX_RULES + 8)

static size_t
rules(struct rule *rule)
{
	/* Itself it may signal: abort(3), and the watchdog; and read, where it does not know whether memory is there. */
	uint32_t self = (uint32_t)getpid();
	const struct rule list[MAX_RULES] = {
	    {SYS_openat, 2, HAS_NONE_OF, WRITING},
#ifdef SYS_open
	    {SYS_open, 1, HAS_NONE_OF, WRITING},
#endif
	    {SYS_tgkill, 0, EQUALS, self}, {SYS_rt_tgsigqueueinfo, 0, EQUALS, self},
	    {SYS_process_vm_readv, 0, EQUALS, self},
	    {SYS_exit_group, 0, EQUALS, NETISR_HOST_CONFINED_STATUS},
	    /* Faults are the host's to catch: it may change its mind. */
	    {SYS_rt_sigaction, 0, EQUALS, SIGSEGV}, {SYS_rt_sigaction, 0, EQUALS, SIGBUS},
	    {SYS_rt_sigaction, 0, EQUALS, SIGFPE}, {SYS_rt_sigaction, 0, EQUALS, SIGILL},
	    {SYS_rt_sigaction, 0, EQUALS, SIGABRT},
	    /* Threads; no processes. */
	    {SYS_clone, 0, HAS_ONE_OF, CLONE_THREAD},
	    /* Nothing new is installed: the address is 0, of which only the lower half is looked at. */
	    {SYS_rt_sigaction, 1, EQUALS, 0}, {SYS_prlimit64, 2, EQUALS, 0},
	    {SYS_prctl, 0, EQUALS, PR_SET_NAME}, {SYS_prctl, 0, EQUALS, PR_GET_NAME},
	    /* Is it a terminal?  It is /dev/null. */
	    {SYS_ioctl, 1, EQUALS, TCGETS},
	};
	size_t count = 0;

	for (; count < MAX_RULES && list[count].call + list[count].argument + list[count].value != 0; count++)
		rule[count] = list[count];
	return (count);
}

int
netisr_host_forbid(void)
{
	struct sock_filter filter[MAX_FILTER];
	struct rule rule[MAX_RULES];
	unsigned short n = 0;
	size_t count = rules(rule);

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < FREE_CALLS; i++) {
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, free_calls[i], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < count; i++) {
		unsigned int at = (unsigned int)(offsetof(struct seccomp_data, args) + 8 * rule[i].argument);
		int is_bad_if = rule[i].test == HAS_NONE_OF;

		/* Five instructions, or none of them: the number is loaded again behind. */
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule[i].call, 0, 4);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | (rule[i].test == EQUALS ? BPF_JEQ : BPF_JSET) | BPF_K,
		    rule[i].value, is_bad_if, !is_bad_if);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	}
	/* Its flags are in memory, which is not looked at: the C library takes clone then, whose are not. */
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);

	struct sock_fprog program = {.len = n, .filter = filter};
	long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);

	/* Above 0: the thread that could not be brought along. */
	return (result == 0 ? 0 : result > 0 ? EBUSY : errno);
}

#define NAMED(name) {SYS_##name, #name}
static const struct {
	long number;
	const char *name;
} names[] = {
    NAMED(socket), NAMED(socketpair), NAMED(connect), NAMED(bind), NAMED(listen), NAMED(accept), NAMED(accept4),
    NAMED(sendto), NAMED(sendmsg), NAMED(sendmmsg), NAMED(recvfrom), NAMED(recvmsg), NAMED(recvmmsg),
    NAMED(shutdown), NAMED(setsockopt), NAMED(getsockopt), NAMED(clone), NAMED(clone3), NAMED(execve), NAMED(execveat),
    NAMED(wait4), NAMED(waitid), NAMED(kill), NAMED(tkill), NAMED(tgkill), NAMED(rt_sigaction), NAMED(rt_sigqueueinfo),
    NAMED(rt_tgsigqueueinfo), NAMED(ptrace), NAMED(process_vm_readv), NAMED(process_vm_writev), NAMED(openat),
    NAMED(openat2), NAMED(unlinkat), NAMED(mkdirat), NAMED(linkat), NAMED(symlinkat), NAMED(renameat2), NAMED(fchmod),
    NAMED(fchmodat), NAMED(fchown), NAMED(fchownat), NAMED(ftruncate), NAMED(truncate), NAMED(fallocate),
    NAMED(pwrite64), NAMED(sendfile), NAMED(splice), NAMED(ioctl), NAMED(dup), NAMED(dup3), NAMED(pipe2), NAMED(eventfd2),
    NAMED(epoll_create1), NAMED(epoll_ctl), NAMED(epoll_pwait), NAMED(inotify_init1), NAMED(timerfd_create),
    NAMED(signalfd4), NAMED(setitimer), NAMED(timer_create), NAMED(setrlimit), NAMED(prlimit64), NAMED(prctl),
    NAMED(seccomp), NAMED(bpf), NAMED(perf_event_open), NAMED(io_uring_setup), NAMED(io_uring_enter), NAMED(userfaultfd),
    NAMED(mount), NAMED(umount2), NAMED(chroot), NAMED(pivot_root), NAMED(setns), NAMED(unshare), NAMED(setuid),
    NAMED(setgid), NAMED(setresuid), NAMED(setgroups), NAMED(capset), NAMED(chdir), NAMED(fchdir), NAMED(reboot),
    NAMED(init_module), NAMED(finit_module), NAMED(sched_setaffinity), NAMED(sched_setscheduler), NAMED(setpriority),
    NAMED(clock_settime), NAMED(shmget), NAMED(shmat), NAMED(msgget), NAMED(semget), NAMED(mq_open), NAMED(keyctl),
    NAMED(pidfd_open), NAMED(pidfd_getfd), NAMED(pkey_mprotect), NAMED(mlock), NAMED(mlockall), NAMED(exit_group),
    NAMED(rt_sigsuspend), NAMED(rt_sigtimedwait), NAMED(setsid), NAMED(setpgid), NAMED(personality), NAMED(sync),
#ifdef SYS_open
    NAMED(open), NAMED(creat), NAMED(fork), NAMED(vfork), NAMED(unlink), NAMED(mkdir), NAMED(rmdir), NAMED(rename),
    NAMED(link), NAMED(symlink), NAMED(chmod), NAMED(chown), NAMED(dup2), NAMED(pipe), NAMED(pause), NAMED(alarm),
    NAMED(select), NAMED(epoll_create), NAMED(epoll_wait), NAMED(iopl), NAMED(ioperm), NAMED(modify_ldt),
#endif
};

const char *
netisr_host_system_call_name(int64_t number)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].number == number)
			return (names[i].name);
	}
	return (NULL);
}
