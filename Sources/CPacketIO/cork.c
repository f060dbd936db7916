#include "cork.h"

#include <stddef.h>

static _Thread_local void *cork;

void *
packetio_cork_get(void)
{
	return (cork);
}

void
packetio_cork_set(void *value)
{
	cork = value;
}
