/*
 * last_words.c - what is said before a fault ends the process: whose code it was.
 *
 * In a signal's handler, maybe with the allocator's lock held: so words are
 * written as they come, and nothing is formatted by the C library.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "interruption.h"
#include "plugin_code.h"

struct line {
	char text[512];
	size_t length;
};

static void
put(struct line *line, const char *text)
{
	size_t length = strlen(text), room = sizeof(line->text) - line->length - 1;

	if (length > room)
		length = room;
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static void
put_number(struct line *line, uintptr_t value, unsigned int base)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	if (base == 16)
		put(line, "0x");
	put(line, digits + at);
}

static void
put_place(struct line *line, uintptr_t pc, int is_return)
{
	const char *plugin = netisr_host_plugin_at(pc);
	Dl_info info;

	put_number(line, pc, 16);
	/* Behind a call that does not return, another function may begin. */
	if (dladdr((void *)(pc - (is_return ? 1 : 0)), &info) != 0 && info.dli_sname != NULL) {
		put(line, " ");
		put(line, info.dli_sname);
		put(line, "+");
		put_number(line, pc - (uintptr_t)info.dli_saddr, 16);
	}
	if (plugin != NULL) {
		put(line, " in ");
		put(line, plugin);
	}
}

static void
say(struct line *line)
{
	line->text[line->length++] = '\n';
	(void)!write(STDERR_FILENO, line->text, line->length);
	line->length = 0;
}

static const char *
name_of(int signal)
{
	switch (signal) {
	case SIGSEGV: return ("SIGSEGV");
	case SIGBUS: return ("SIGBUS");
	case SIGFPE: return ("SIGFPE");
	case SIGILL: return ("SIGILL");
	case SIGABRT: return ("SIGABRT");
	default: return ("a signal");
	}
}

void
netisr_host_last_words(const struct netisr_host_fault *fault, const struct netisr_host_frame *frame,
    const char *loading)
{
	struct line line = {.length = 0};
	const char *plugin = NULL;

	for (uint32_t i = 0; frame != NULL && plugin == NULL && i < fault->frame_count; i++)
		plugin = netisr_host_plugin_at(netisr_host_plugin_code(frame, fault->frames[i]));

	put(&line, "netisr: fatal: ");
	if (fault->called != NULL) {
		put(&line, fault->called);
		put(&line, " was called");
	} else {
		put(&line, name_of(fault->signal));
		put(&line, " at ");
		put_number(&line, fault->address, 16);
	}
	if (loading != NULL) {
		put(&line, " while ");
		put(&line, loading);
		put(&line, " was being loaded: in a constructor of it, where nothing can be held");
	} else if (plugin != NULL) {
		put(&line, " on behalf of plugin ");
		put(&line, plugin);
		put(&line, ", outside of its code, where state may be torn: the process ends");
	} else {
		put(&line, " in a call of a plugin that is not known: the process ends");
	}
	say(&line);
	for (uint32_t i = 0; i < fault->frame_count; i++) {
		put(&line, "netisr:   #");
		put_number(&line, i, 10);
		put(&line, "  ");
		put_place(&line, fault->frames[i], i > 0 || fault->called != NULL);
		say(&line);
	}
	if (fault->frame_count == 0 && fault->pc != 0) {
		put(&line, "netisr:   #0  ");
		put_place(&line, fault->pc, 0);
		say(&line);
	}
}
