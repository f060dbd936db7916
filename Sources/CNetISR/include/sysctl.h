/*
 * sysctl.h - a plugin's settings: numbers that operators read and change by
 * name ("netisr get", "netisr set"), after sysctl(9).
 *
 * They live in the host: a value that an operator has set survives swaps and
 * reloads.  A setting is listed while a plugin that defined it is complete,
 * and from then on.
 */
#ifndef _SYSCTL_H_
#define _SYSCTL_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sysctl; /* a value in the host; lives as long as the host */

#define SYSCTL_MAXNAME 63

struct sysctl_spec {
	const char *ss_name; /* "net.inet.ip.ttl": words of [a-z0-9_-] with dots
			      * between; at most SYSCTL_MAXNAME bytes; copied */
	int64_t ss_default;
	int64_t ss_min;
	int64_t ss_max;
	uint64_t ss_spare; /* 0 */
};

/*
 * Finds or makes a setting.  Only from netisr_plugin_register().  [control]
 * A later definition's bounds and default hold for what is not set, and what
 * was set out of its bounds becomes the nearest that is within.
 * EINVAL: elsewhere, a bad name, or the default is not within the bounds;
 * EEXIST: another plugin's, or the host's own; ENOSPC: too many.
 */
int sysctl_define(const struct sysctl_spec *spec, const struct sysctl **settingp);

/* The value now: one load.  [any thread] setting may be NULL: then 0. */
__attribute__((unused)) static inline int64_t
sysctl_value(const struct sysctl *setting)
{
	return (setting == NULL ? 0 : __atomic_load_n((const int64_t *)(const void *)setting, __ATOMIC_RELAXED));
}

#ifdef __cplusplus
}
#endif

#endif /* !_SYSCTL_H_ */
