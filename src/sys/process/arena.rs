//! The allocator of the program: it cuts memory from one block, and never frees it.
//!
//! musl's allocator returns each page to the kernel as soon as it is free. For a program that runs this short, mapping and
//! unmapping then cost about 100 microseconds. What does not fit into the block comes from musl's allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::libc;

/// Of the block, in bytes. Most runs need less.
const SIZE: usize = 256 << 10;

/// The block, and how much of it is in use.
pub struct Arena {
    block: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: `used` only grows, by atomic updates, so no byte of the block is given to two threads.
unsafe impl Sync for Arena {}

impl Arena {
    pub const fn new() -> Arena {
        Arena {
            block: UnsafeCell::new([0; SIZE]),
            used: AtomicUsize::new(0),
        }
    }

    /// Cuts off memory of this layout. Null where the rest of the block is too small.
    fn take(&self, layout: Layout) -> *mut u8 {
        let start = self.block.get().cast::<u8>();
        let place = |used: usize| {
            let at = used + start.wrapping_add(used).align_offset(layout.align());
            let end = at.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
            Some((at, end))
        };
        let before = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                place(used).map(|(_, end)| end)
            });
        before
            .ok()
            .and_then(place)
            .map_or(null_mut(), |(at, _)| start.wrapping_add(at))
    }

    fn owns(&self, pointer: *mut u8) -> bool {
        let start = self.block.get().cast::<u8>();
        (start..start.wrapping_add(SIZE)).contains(&pointer)
    }
}

// SAFETY: memory comes from the block, where it is aligned, within bounds and given away once, or from `System`.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = self.take(layout);
        if taken.is_null() {
            // SAFETY: the layout is the caller's.
            or_exit(unsafe { System.alloc(layout) })
        } else {
            taken
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !self.owns(pointer) {
            // SAFETY: what is not from the block is from `System`, and has this layout.
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !self.owns(pointer) {
            // SAFETY: what is not from the block is from `System`, and has this layout.
            return or_exit(unsafe { System.realloc(pointer, layout, size) });
        }
        // SAFETY: the caller guarantees a valid size. The old memory has `layout.size()` bytes, the new one `size`, and
        // they do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            moved.copy_from_nonoverlapping(pointer, layout.size().min(size));
            moved
        }
    }
}

/// Where no memory is left, ends the process with a line on stderr, as std would abort it: the next call recovers, as after a
/// kill.
fn or_exit(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        let words = b"dvdcli: out of memory\n";
        let stderr = libc::STDERR_FILENO;
        let mut writable = libc::pollfd {
            fd: stderr,
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: the kernel reads and writes memory that is owned here. A pipe that is full is not waited for.
        unsafe {
            if libc::poll(&raw mut writable, 1, 0) == 1 {
                libc::write(stderr, words.as_ptr().cast(), words.len());
            }
            libc::_exit(1)
        }
    }
    memory
}
