#define _GNU_SOURCE
#include "CNetISRHost.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of x86-64: an image's segments begin and end with one. */
#define PAGE ((uintptr_t)4096)

struct search {
	const struct link_map *map;
	struct netisr_host_image *image;
	int found;
};

/*
 * Copies the GNU build-id out of a segment of notes that the linker has mapped.
 * The segment spans several variables: the address sanitizer would take the
 * gaps that it puts between them for a mistake of this reader.
 */
__attribute__((no_sanitize("address"))) static void
read_build_id(const char *notes, size_t size, size_t align, struct netisr_host_image *image)
{
	size_t at = 0;

	if (align < 4)
		align = 4;
	while (size - at >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)(notes + at);
		size_t name = at + sizeof(*note);
		size_t data = name + ((note->n_namesz + align - 1) & ~(align - 1));
		size_t next = data + ((note->n_descsz + align - 1) & ~(align - 1));

		if (data < name || next < data || data + note->n_descsz > size)
			return;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    notes[name] == 'G' && notes[name + 1] == 'N' && notes[name + 2] == 'U' &&
		    note->n_descsz <= sizeof(image->build_id)) {
			image->build_id_size = note->n_descsz;
			for (uint32_t i = 0; i < note->n_descsz; i++)
				image->build_id[i] = (uint8_t)notes[data + i];
			return;
		}
		if (next > size)
			return;
		at = next;
	}
}

static uintptr_t
page_end(uintptr_t address)
{
	return ((address + PAGE - 1) & ~(PAGE - 1));
}

static int
visit(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct search *search = argument;

	(void)size;
	if (info->dlpi_addr != search->map->l_addr ||
	    strcmp(info->dlpi_name, search->map->l_name) != 0)
		return (0);
	search->found = 1;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t low = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD) {
			if (low < search->image->low)
				search->image->low = low;
			if (low + segment->p_memsz > search->image->high)
				search->image->high = low + segment->p_memsz;
			if ((segment->p_flags & PF_X) != 0)
				search->image->code += page_end(low + segment->p_memsz) - (low & ~(PAGE - 1));
		} else if (segment->p_type == PT_NOTE && search->image->build_id_size == 0) {
			read_build_id((const char *)low, segment->p_memsz, segment->p_align,
			    search->image);
		}
	}
	return (1);
}

int
netisr_host_image_of(void *handle, struct netisr_host_image *image)
{
	struct link_map *map;
	struct search search = {0};

	memset(image, 0, sizeof(*image));
	image->low = UINTPTR_MAX;
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
		return (-1);
	search.map = map;
	search.image = image;
	dl_iterate_phdr(visit, &search);
	return (search.found ? 0 : -1);
}

const char *
netisr_host_symbol_of(uintptr_t address, uintptr_t *start)
{
	Dl_info info;

	if (dladdr((const void *)address, &info) == 0 || info.dli_sname == NULL)
		return (NULL);
	*start = (uintptr_t)info.dli_saddr;
	return (info.dli_sname);
}

void
netisr_host_image_fill(uintptr_t low, uintptr_t high)
{
	for (uintptr_t at = low; at < high; at += PAGE) {
		/* Not in the place of what is there, which somebody may map at this moment. */
		void *page = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (page == MAP_FAILED)
			continue;
		/* ret, on x86-64. */
		memset(page, 0xc3, PAGE);
		(void)mprotect(page, PAGE, PROT_READ | PROT_EXEC);
	}
}

int
netisr_host_is_mapped(uintptr_t low, uintptr_t high)
{
	unsigned char is_resident;

	for (uintptr_t at = low & ~(PAGE - 1); at < high; at += PAGE) {
		if (mincore((void *)at, PAGE, &is_resident) == 0 || errno != ENOMEM)
			return (1);
	}
	return (0);
}

unsigned int
netisr_host_mappings_of(const char *file, uint64_t *code)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	unsigned int count = 0;

	*code = 0;
	if (maps == NULL)
		return (0);
	while ((length = getline(&line, &room, maps)) > 0) {
		/* Numbers and letters stand before it. */
		char *path = strchr(line, '/'), mode[5];
		unsigned long low, high;

		if (path == NULL)
			continue;
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		if (strcmp(path, file) != 0)
			continue;
		count++;
		if (sscanf(line, "%lx-%lx %4s", &low, &high, mode) == 3 && mode[2] == 'x')
			*code += high - low;
	}
	free(line);
	fclose(maps);
	return (count);
}
