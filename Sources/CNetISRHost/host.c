#define _GNU_SOURCE
#include "CNetISRHost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Thread_local void *netisr_host_self;
_Thread_local struct netisr_host_frame *netisr_host_frame;

static int
membarrier(int command)
{
	return (syscall(SYS_membarrier, command, 0, 0) == 0 ? 0 : errno);
}

int
netisr_host_membarrier(void)
{
	int error = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);

	if (error == EPERM) {
		/* The first call of the process: the kernel wants to be told once. */
		error = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
		if (error == 0)
			error = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	}
	return (error);
}

int
netisr_host_futex_wait(const uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec time = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
	struct timespec *timeout = ns == UINT64_MAX ? NULL : &time;
	long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout, NULL, 0);

	return (result != 0 && errno == ETIMEDOUT);
}

void
netisr_host_futex_wake(const uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int
netisr_host_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return (fd >= 0 ? fd : -errno);
}

int
netisr_host_memfd_seal(int fd)
{
	int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	return (fcntl(fd, F_ADD_SEALS, seals) == 0 ? 0 : errno);
}

void
netisr_host_name_thread(const char *name)
{
	char cut[16] = {0};

	strncpy(cut, name, sizeof(cut) - 1);
	(void)pthread_setname_np(pthread_self(), cut);
}

int
netisr_host_join(pthread_t thread, uint32_t ms)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += ms / 1000;
	deadline.tv_nsec += (long)(ms % 1000) * 1000000;
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000;
	}
	return (pthread_timedjoin_np(thread, NULL, &deadline));
}
