/*
 * confine.h - a process in which a plugin is tried out, and what is written down of its end.
 *
 * The process shares a record with the one that started it, which reads it when the
 * process is gone.  It has given up all that a handler has no need for: it can read
 * files, use memory and look at clocks, and nothing else (seccomp(2), setrlimit(2)).
 * What it calls beyond that is noted, with the place, and ends it.
 *
 * That is no prison for code that is out to fool: the record lies in its memory, and
 * who knows that he is watched may behave.  It finds mistakes, and plain malice.
 */
#ifndef _NETISR_CONFINE_H_
#define _NETISR_CONFINE_H_

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How it ended. */
#define NETISR_HOST_ENDING_NONE      0 /* nothing was written down */
#define NETISR_HOST_ENDING_SIGNAL    1 /* number: the signal; address: what was touched */
#define NETISR_HOST_ENDING_FORBIDDEN 2 /* number: the system call */
#define NETISR_HOST_ENDING_EXIT      3 /* number: the status that it asked for */
#define NETISR_HOST_ENDING_CPU       4 /* it has used up its CPU time */
#define NETISR_HOST_ENDING_TIME      5 /* it took too long */

#define NETISR_HOST_RECORD_TEXT (256 << 10)

struct netisr_host_record {
	uint32_t phase;   /* what it does now: its own numbers */
	uint32_t ending;  /* NETISR_HOST_ENDING_... */
	uint64_t packets; /* handed to the plugin, the present one included */
	int64_t number;
	uint64_t address;
	char place[200];  /* where in the plugin: "input+0x1c (image+0x4a0)", or empty */
	uint32_t length;  /* of text, when all went as it should */
	uint8_t text[NETISR_HOST_RECORD_TEXT];
};

static inline uint8_t *
netisr_host_record_text(struct netisr_host_record *record)
{
	return (record->text);
}

/* The exit status of a process that ended by its own choice, or whose end was noted. */
#define NETISR_HOST_CONFINED_STATUS 86

/*
 * Starts a program for it: descriptor 3 is bytes, 4 is record; 0 to 2 are /dev/null, nothing
 * else is open; a session of its own, default signals, and no environment but that Swift's
 * runtime does not look into crashes.  argv ends with NULL.  [any thread]  A process ID, or -errno.
 */
pid_t netisr_host_start_confined(const char *path, char *const argv[], int bytes, int record);

/* A file for a record, of which nobody can change the size: a descriptor, or -errno. */
int netisr_host_make_record(void);

/* Maps the record that is at a descriptor, and closes that: NULL if it is none. */
struct netisr_host_record *netisr_host_open_record(int descriptor);

/*
 * Limits this process, and has the ends of it noted in the record: faults (which come here
 * when nobody else takes them up: so before netisr_host_faults_install()), and the end of its
 * time.  Memory in bytes, 0: any; CPU and time in seconds.  0 or an errno value.
 */
int netisr_host_confine(struct netisr_host_record *record, uint64_t memory, uint32_t cpu, uint32_t time);

/*
 * Gives up the system calls that no handler needs, for all threads and those to come, for good.  No
 * process can be made any more.  0 or an errno value.
 */
int netisr_host_forbid(void);

/* Ends this process, as it is allowed to. */
__attribute__((noreturn)) void netisr_host_end_confined(void);

/* "socket"; NULL for a system call of which the name is not known here. */
const char *netisr_host_system_call_name(int64_t number);

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_CONFINE_H_ */
