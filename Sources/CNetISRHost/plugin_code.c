/*
 * plugin_code.c - which addresses are plugins' code.
 *
 * Asked in signal handlers: so it is a list of words, and no lock is taken to
 * read it.
 */
#include "plugin_code.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "fault.h"

#define MAX_IMAGES 4096

/* Images of plugins.  low is written last, and cleared first: 0 is a free place. */
static struct {
	_Atomic uintptr_t low, high;
	char name[64];
} images[MAX_IMAGES];
static _Atomic unsigned int image_count;
static pthread_mutex_t images_lock = PTHREAD_MUTEX_INITIALIZER;

int
netisr_host_plugin_image_add(uintptr_t low, uintptr_t high, const char *name)
{
	int error = ENOSPC;

	pthread_mutex_lock(&images_lock);
	for (unsigned int i = 0; i < MAX_IMAGES; i++) {
		if (atomic_load(&images[i].low) != 0)
			continue;
		strncpy(images[i].name, name, sizeof(images[i].name) - 1);
		atomic_store(&images[i].high, high);
		atomic_store(&images[i].low, low);
		if (i >= atomic_load(&image_count))
			atomic_store(&image_count, i + 1);
		error = 0;
		break;
	}
	pthread_mutex_unlock(&images_lock);
	return (error);
}

void
netisr_host_plugin_image_remove(uintptr_t low)
{
	pthread_mutex_lock(&images_lock);
	for (unsigned int i = 0; i < atomic_load(&image_count); i++) {
		if (atomic_load(&images[i].low) == low)
			atomic_store(&images[i].low, 0);
	}
	pthread_mutex_unlock(&images_lock);
}

const char *
netisr_host_plugin_at(uintptr_t pc)
{
	unsigned int count = atomic_load(&image_count);

	for (unsigned int i = 0; i < count; i++) {
		uintptr_t low = atomic_load(&images[i].low);

		if (low != 0 && pc >= low && pc < atomic_load(&images[i].high))
			return (images[i].name);
	}
	return (NULL);
}

int
netisr_host_is_plugins(uintptr_t pc)
{
	return (netisr_host_plugin_at(pc) != NULL);
}
