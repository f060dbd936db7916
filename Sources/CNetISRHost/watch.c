#define _GNU_SOURCE
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard.h"
#include "interruption.h"

/* The first real-time signals are the C library's own. */
#define WATCH_SIGNAL (SIGRTMIN + 6)

/*
 * Until there is an answer, `answer` says whose turn it is. A question that the
 * thread has not taken in time is withdrawn: its signal, when it comes after all,
 * finds none. So the two never touch the other fields at the same time.
 */
#define ASKED (-1) /* the watcher has written, the thread may take it */
#define TAKEN (-2) /* the thread is in the handler, the watcher waits */

static uint64_t
progress(const struct netisr_host_watch *watch)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < watch->count; i++)
		sum += __atomic_load_n(&watch->words[i], __ATOMIC_RELAXED);
	return (sum);
}

static void
on_watch(int signal, siginfo_t *info, void *context)
{
	struct netisr_host_watch *watch = info->si_value.sival_ptr;
	struct netisr_host_frame *frame = netisr_host_frame;
	int error = errno, answer = NETISR_HOST_WATCH_MOVED, asked = ASKED;

	(void)signal;
	/* Ours, and for the record that this thread has: open, or the watcher would not have asked. */
	if (info->si_code != SI_QUEUE || info->si_pid != getpid() || watch == NULL)
		return;
	/* Acquire: pairs with the release in netisr_host_watch_interrupt. */
	if (!__atomic_compare_exchange_n(&watch->answer, &asked, TAKEN, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	if (frame != NULL && (uintptr_t)frame == watch->wanted_frame && progress(watch) == watch->wanted_progress) {
		if (!netisr_host_note_place(&watch->fault, SIGXCPU, info, context, frame)) {
			answer = NETISR_HOST_WATCH_ELSEWHERE;
			if (watch->means == NETISR_HOST_WATCH_LOSE && netisr_host_is_apart(&watch->fault, frame)) {
				watch->fault.is_lost = 1;
				netisr_host_lose(frame);
				answer = NETISR_HOST_WATCH_LOST;
			}
		} else if (watch->means == NETISR_HOST_WATCH_LOOK) {
			answer = NETISR_HOST_WATCH_PLUGIN;
		} else {
			netisr_host_abandon(&watch->fault, context, frame);
			answer = NETISR_HOST_WATCH_ABANDONED;
		}
	}
	/* Release: pairs with the acquires of the waiting watcher. */
	__atomic_store_n(&watch->answer, answer, __ATOMIC_RELEASE);
	errno = error;
}

int
netisr_host_watch_install(void)
{
	struct sigaction action = {.sa_sigaction = on_watch, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

	sigemptyset(&action.sa_mask);
	return (sigaction(WATCH_SIGNAL, &action, NULL) == 0 ? 0 : errno);
}

void
netisr_host_watch_open(struct netisr_host_watch *watch, const void *words, size_t count)
{
	sigset_t own;

	/* Who made the thread may have blocked all signals: libdispatch does. */
	sigemptyset(&own);
	sigaddset(&own, WATCH_SIGNAL);
	(void)pthread_sigmask(SIG_UNBLOCK, &own, NULL);
	watch->thread = pthread_self();
	watch->number = (int32_t)syscall(SYS_gettid);
	watch->frame = &netisr_host_frame;
	watch->words = words;
	watch->count = count;
	watch->is_open = pthread_getcpuclockid(watch->thread, &watch->clock) == 0;
}

void
netisr_host_watch_close(struct netisr_host_watch *watch)
{
	watch->is_open = 0;
}

int
netisr_host_watch_look(const struct netisr_host_watch *watch, struct netisr_host_look *look)
{
	struct timespec time;

	if (!watch->is_open || clock_gettime(watch->clock, &time) != 0)
		return (0);
	look->frame = __atomic_load_n((uintptr_t *)watch->frame, __ATOMIC_RELAXED);
	look->progress = progress(watch);
	look->cpu = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
	return (1);
}

int
netisr_host_watch_sleeps(const struct netisr_host_watch *watch)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)watch->number);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return (0);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (length <= 0)
		return (0);
	text[length] = 0;
	/* "7 (name) S ...": the name may have anything in it. */
	const char *state = strrchr(text, ')');

	return (state != NULL && state[1] == ' ' && state[2] != 'R');
}

int
netisr_host_watch_interrupt(struct netisr_host_watch *watch, const struct netisr_host_look *look, int means)
{
	union sigval value = {.sival_ptr = watch};
	int answer = ASKED;

	if (!watch->is_open)
		return (NETISR_HOST_WATCH_NONE);
	watch->wanted_frame = look->frame;
	watch->wanted_progress = look->progress;
	watch->means = means;
	/* Release: pairs with the acquire in on_watch. */
	__atomic_store_n(&watch->answer, ASKED, __ATOMIC_RELEASE);
	if (pthread_sigqueue(watch->thread, WATCH_SIGNAL, value) == 0) {
		for (int i = 0; i < 100 && answer < 0; i++) {
			usleep(1000);
			answer = __atomic_load_n(&watch->answer, __ATOMIC_ACQUIRE);
		}
	}
	answer = ASKED;
	if (__atomic_compare_exchange_n(&watch->answer, &answer, NETISR_HOST_WATCH_NONE, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		return (NETISR_HOST_WATCH_NONE);
	/* In the handler: it ends, as soon as the thread gets a CPU. */
	while (answer == TAKEN) {
		usleep(100);
		answer = __atomic_load_n(&watch->answer, __ATOMIC_ACQUIRE);
	}
	return (answer);
}
