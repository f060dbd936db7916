/*
 * heap.h - what the C library's allocator holds, for tests.
 */
#ifndef _HEAP_H_
#define _HEAP_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that it has given out, in all arenas; of another allocator (a sanitizer's) nothing is known: 0. */
size_t heap_in_use(void);

#ifdef __cplusplus
}
#endif

#endif /* !_HEAP_H_ */
