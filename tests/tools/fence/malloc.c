/* A malloc whose freed small blocks can't be read any more.

   Blocks of the size that bound methods have get a page each, out of one
   large reservation; free() takes away all access to the page. Whoever reads an object that has been
   freed crashes at once, and not one time in a million. To be loaded with LD_PRELOAD, for Linux with
   the GNU C library, and with PYTHONMALLOC=malloc.  */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

enum { SMALLEST = 56, LARGEST = 80, PAGE = 4096, HEAD = 16 };

static const size_t RESERVED = (size_t)1 << 37;
static char *first, *next;

static int
is_fenced(const void *block)
{
    return first != NULL && (const char *)block >= first && (const char *)block < first + RESERVED;
}

__attribute__((constructor)) static void
reserve(void)
{
    void *start = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start != MAP_FAILED) {
        next = start;
        first = start;
    }
}

void *
malloc(size_t size)
{
    if (first == NULL || size < SMALLEST || size > LARGEST) {
        return __libc_malloc(size);
    }
    char *page = __atomic_fetch_add(&next, PAGE, __ATOMIC_SEQ_CST);
    if (page + PAGE > first + RESERVED) {
        return __libc_malloc(size);
    }
    memcpy(page, &size, sizeof size);
    return page + HEAD;
}

void
free(void *block)
{
    if (!is_fenced(block)) {
        __libc_free(block);
        return;
    }
    int before = errno;
    char *page = (char *)((uintptr_t)block & ~(uintptr_t)(PAGE - 1));
    /* The page goes back to the system, the addresses stay out of use. */
    madvise(page, PAGE, MADV_DONTNEED);
    mprotect(page, PAGE, PROT_NONE);
    errno = before;
}

void *
calloc(size_t count, size_t size)
{
    size_t total = count * size;
    /* Fresh pages are zero. */
    return total < SMALLEST || total > LARGEST ? __libc_calloc(count, size) : malloc(total);
}

void *
realloc(void *block, size_t size)
{
    if (block == NULL) {
        return malloc(size);
    }
    if (!is_fenced(block)) {
        return __libc_realloc(block, size);
    }
    size_t old;
    memcpy(&old, (char *)((uintptr_t)block & ~(uintptr_t)(PAGE - 1)), sizeof old);
    void *moved = malloc(size);
    if (moved != NULL) {
        memcpy(moved, block, old < size ? old : size);
        free(block);
    }
    return moved;
}
