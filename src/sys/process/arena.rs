//! The allocator: memory handed out from one block and given back when the process ends.
//!
//! musl's own gives each page back to the kernel as soon as it is free, which costs a short-lived program a hundred
//! microseconds of mapping and unmapping. What does not fit in the block, such as a long list, still goes to the system's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

const SIZE: usize = 256 << 10;

pub struct Arena {
    block: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: `used` hands out each byte of the block once.
unsafe impl Sync for Arena {}

impl Arena {
    pub const fn new() -> Arena {
        Arena {
            block: UnsafeCell::new([0; SIZE]),
            used: AtomicUsize::new(0),
        }
    }

    /// Null where the rest of the block is too small.
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

// SAFETY: memory is either from the block, where it is aligned, within bounds and never handed out twice, or the system's.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = self.take(layout);
        if taken.is_null() {
            // SAFETY: the caller's layout is handed on.
            unsafe { System.alloc(layout) }
        } else {
            taken
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !self.owns(pointer) {
            // SAFETY: what is not from the block is the system's, with the same layout.
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !self.owns(pointer) {
            // SAFETY: what is not from the block is the system's, with the same layout.
            return unsafe { System.realloc(pointer, layout, size) };
        }
        // SAFETY: the caller guarantees a valid size; the old memory is readable up to the old size, the new one is its own.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(pointer, layout.size().min(size));
            }
            moved
        }
    }
}
