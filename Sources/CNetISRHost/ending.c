/*
 * ending.c - exit(3) and its like, as plugins find them.
 *
 * The host exports these names, and the dynamic linker looks in the program
 * first: so a plugin that imports exit(3) calls this one.  From a plugin's guarded call it
 * is taken for a fault of that plugin, and nothing ends.  From anywhere else it
 * is the C library's.
 *
 * What ends the process from within the C library (err(3), error(3)) does not come by here:
 * then the process ends, but not before it was said by whose code.  exit_group(2) by
 * a plugin's own system call is seen by nobody.
 *
 * Not under a sanitizer, which has its own.
 */
#define _GNU_SOURCE
#include "fault.h"
#include "guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "interruption.h"

/* The process ends by exit(3), on this thread. */
static void
at_exit(void)
{
	struct netisr_host_frame *frame = netisr_host_frame;
	struct netisr_host_fault fault = {.called = "exit"};
	siginfo_t info = {0};
	ucontext_t context;

	if (frame == NULL || getcontext(&context) != 0)
		return;
	/* Its calls are looked at from the C library's on. */
#if defined(__x86_64__)
	context.uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)__builtin_return_address(0);
#endif
	(void)netisr_host_note_place(&fault, 0, &info, &context, frame);
	fault.called = "exit";
	netisr_host_last_words(&fault, frame, NULL);
	/* Whatever status it asked for: the host was not to end. */
	syscall(SYS_exit_group, EX_SOFTWARE);
}

int
netisr_host_endings_install(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int is_installed;
	int error = 0;

	pthread_mutex_lock(&lock);
	if (!is_installed && atexit(at_exit) != 0)
		error = ENOMEM;
	else
		is_installed = 1;
	pthread_mutex_unlock(&lock);
	return (error);
}

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

/* Returns, unless it is a plugin's guarded call. */
static void
leave(const char *called, int status, void *caller)
{
	struct netisr_host_frame *frame = netisr_host_frame;

	if (frame != NULL && netisr_host_plugin_code(frame, (uintptr_t)caller) != 0)
		netisr_host_leave_call(frame, called, status, (uintptr_t)caller);
}

__attribute__((noreturn)) static void
pass(const char *name, int status)
{
	void (*next)(int) = (void (*)(int))(uintptr_t)dlsym(RTLD_NEXT, name);

	if (next != NULL)
		next(status);
	for (;;)
		syscall(SYS_exit_group, status);
}

__attribute__((noreturn)) void
exit(int status)
{
	leave("exit", status, __builtin_return_address(0));
	pass("exit", status);
}

__attribute__((noreturn)) void
quick_exit(int status)
{
	leave("quick_exit", status, __builtin_return_address(0));
	pass("quick_exit", status);
}

/* Also in a child after vfork(2): so it looks for nothing. */
__attribute__((noreturn)) void
_exit(int status)
{
	leave("_exit", status, __builtin_return_address(0));
	for (;;)
		syscall(SYS_exit_group, status);
}

__attribute__((noreturn)) void
_Exit(int status)
{
	leave("_Exit", status, __builtin_return_address(0));
	for (;;)
		syscall(SYS_exit_group, status);
}

/* The thread is the host's. */
__attribute__((noreturn)) void
pthread_exit(void *value)
{
	leave("pthread_exit", 0, __builtin_return_address(0));
	void (*next)(void *) = (void (*)(void *))(uintptr_t)dlsym(RTLD_NEXT, "pthread_exit");

	if (next != NULL)
		next(value);
	for (;;)
		syscall(SYS_exit, 0);
}

#endif
