/*
 * plugin_code.h - what fault.c asks of plugin_code.c.
 */
#ifndef _NETISR_PLUGIN_CODE_H_
#define _NETISR_PLUGIN_CODE_H_

#include <stdint.h>

/* Whether an address lies in the image of a plugin.  In a signal handler, too. */
int netisr_host_is_plugins(uintptr_t pc);

/* The name of that image; NULL: it is nobody's.  In a signal handler, too. */
const char *netisr_host_plugin_at(uintptr_t pc);

#endif /* !_NETISR_PLUGIN_CODE_H_ */
