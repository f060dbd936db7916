#define _GNU_SOURCE
#include "confine.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "fault.h"
#include "guard.h"
#include "interruption.h"

/* Written before any signal of these is expected, read by the handler. */
static struct netisr_host_record *record;

pid_t
netisr_host_start_confined(const char *path, char *const argv[], int bytes, int shared)
{
	char *environment[] = {"SWIFT_BACKTRACE=enable=no", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	pid_t pid = -1;
	int error;

	/* Out of the way of 3 and 4. */
	int from = fcntl(bytes, F_DUPFD_CLOEXEC, 10), to = fcntl(shared, F_DUPFD_CLOEXEC, 10);

	if (from < 0 || to < 0) {
		error = errno;
		close(from);
		close(to);
		return (-error);
	}
	sigemptyset(&none);
	sigfillset(&all);
	/* These fail for want of memory only, and then the start does, too. */
	posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < 3; fd++)
		posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, from, 3);
	posix_spawn_file_actions_adddup2(&actions, to, 4);
	posix_spawn_file_actions_addclosefrom_np(&actions, 5);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	error = posix_spawn(&pid, path, &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(from);
	close(to);
	return (error == 0 ? pid : -error);
}

int
netisr_host_make_record(void)
{
	int fd = memfd_create("netisr:record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error = errno;

	if (fd < 0)
		return (-error);
	/* Whoever reads it would be ended by a record that has become shorter. */
	if (ftruncate(fd, sizeof(struct netisr_host_record)) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return (fd);
	error = errno;
	close(fd);
	return (-error);
}

struct netisr_host_record *
netisr_host_open_record(int descriptor)
{
	struct stat status;
	void *map;

	if (fstat(descriptor, &status) != 0 || status.st_size != (off_t)sizeof(struct netisr_host_record))
		return (NULL);
	map = mmap(NULL, sizeof(struct netisr_host_record), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	close(descriptor);
	return (map == MAP_FAILED ? NULL : map);
}

void
netisr_host_end_confined(void)
{
	for (;;)
		syscall(SYS_exit_group, NETISR_HOST_CONFINED_STATUS);
}

/* The innermost place in a plugin; the linker's own lock may be held, and is this thread's then. */
static void
note_place(int signal, const siginfo_t *info, const ucontext_t *context)
{
	static struct netisr_host_fault fault;
	Dl_info where;
	uintptr_t pc = 0;

#if defined(__x86_64__)
	pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#endif
	if (netisr_host_frame != NULL) {
		(void)netisr_host_note_place(&fault, signal, info, context, netisr_host_frame);
		/* Where a call returns to, another function may begin: it did not return. */
		if (fault.plugin_pc != 0)
			pc = fault.plugin_pc == fault.pc ? fault.pc : fault.plugin_pc - 1;
	}
	if (dladdr((void *)pc, &where) == 0)
		return;
	if (where.dli_sname == NULL) {
		snprintf(record->place, sizeof(record->place), "image+0x%lx", (unsigned long)(pc - (uintptr_t)where.dli_fbase));
	} else {
		snprintf(record->place, sizeof(record->place), "%.140s+0x%lx (image+0x%lx)", where.dli_sname,
		    (unsigned long)(pc - (uintptr_t)where.dli_saddr), (unsigned long)(pc - (uintptr_t)where.dli_fbase));
	}
}

static void
on_end(int signal, siginfo_t *info, void *context)
{
	switch (signal) {
	case SIGSYS:
		record->ending = NETISR_HOST_ENDING_FORBIDDEN;
		record->number = info->si_syscall;
#if defined(__x86_64__)
		if (info->si_syscall == SYS_exit_group) {
			record->ending = NETISR_HOST_ENDING_EXIT;
			record->number = (int)((ucontext_t *)context)->uc_mcontext.gregs[REG_RDI];
		}
#endif
		break;
	case SIGXCPU:
		record->ending = NETISR_HOST_ENDING_CPU;
		break;
	case SIGALRM:
		record->ending = NETISR_HOST_ENDING_TIME;
		break;
	default:
		record->ending = NETISR_HOST_ENDING_SIGNAL;
		record->number = signal;
		record->address = signal == SIGABRT ? 0 : (uint64_t)(uintptr_t)info->si_addr;
	}
	note_place(signal, info, context);
	netisr_host_end_confined();
}

static int
limit(int resource, uint64_t value, uint64_t grace)
{
	struct rlimit rlimit = {.rlim_cur = value, .rlim_max = value + grace};

	return (setrlimit(resource, &rlimit) == 0 ? 0 : errno);
}

int
netisr_host_confine(struct netisr_host_record *to, uint64_t memory, uint32_t cpu, uint32_t time)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU, SIGALRM};
	struct sigaction action = {.sa_sigaction = on_end, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	int error = 0;

	record = to;
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], &action, NULL) != 0)
			return (errno);
	}
	if (memory != 0)
		error = limit(RLIMIT_AS, memory, 0);
	/* Behind the soft limit, the process is killed without a word. */
	if (error == 0)
		error = limit(RLIMIT_CPU, cpu, 2);
	if (error == 0)
		error = limit(RLIMIT_NOFILE, 64, 0);
	/* A plugin's bytes go into a memory file; others it can't write. */
	if (error == 0)
		error = limit(RLIMIT_FSIZE, 1 << 28, 0);
	if (error == 0)
		error = limit(RLIMIT_CORE, 0, 0);
	if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		error = errno;
	alarm(time);
	return (error);
}
