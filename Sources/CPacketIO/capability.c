#define _GNU_SOURCE
#include "capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* capget(2) has no wrapper in libc; libcap is not worth a dependency for two calls. */
static int
get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };

	return (syscall(SYS_capget, &header, data) < 0 ? -errno : 0);
}

static bool
has(unsigned int capability)
{
	struct __user_cap_data_struct data[2];

	return (get(data) == 0 && (data[capability / 32].effective & (1u << capability % 32)) != 0);
}

bool
packetio_has_net_raw(void)
{
	return (has(CAP_NET_RAW));
}

bool
packetio_has_net_admin(void)
{
	return (has(CAP_NET_ADMIN));
}

int
packetio_drop_capabilities(bool keep_network)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
	struct __user_cap_data_struct data[2];
	uint32_t kept = keep_network ? 1u << CAP_NET_RAW | 1u << CAP_NET_ADMIN : 0;
	int error;

	if ((error = get(data)) != 0)
		return (error);
	/* Both numbers are below 32. */
	data[0].permitted &= kept;
	data[0].effective &= kept;
	data[1].permitted = data[1].effective = 0;
	data[0].inheritable = data[1].inheritable = 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return (-errno);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return (-errno);
	return (syscall(SYS_capset, &header, data) < 0 ? -errno : 0);
}
