//! What is allocated at the moment, so that growth without end is seen. The binary that wants to know sets
//! `#[global_allocator] static MEMORY: Counting = Counting;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

/// The system's allocator, counting.
pub struct Counting;

static LIVE_BYTES: AtomicIsize = AtomicIsize::new(0);

/// Bytes allocated and not freed; 0 where [`Counting`] is not the allocator.
#[must_use]
pub fn live_bytes() -> isize {
    LIVE_BYTES.load(Ordering::Relaxed)
}

// SAFETY: every call is the system allocator's own, with the same layout; counting touches no memory of the caller's.
#[expect(unsafe_code, reason = "an allocator cannot be had without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most one case may hold at once: many times what a user agent at its maxima needs.
pub(crate) const MEMORY_MAX_BYTES: isize = 64 * 1024 * 1024;

/// Asserts that a case does not hold more than it may.
pub(crate) fn assert_bounded(since: isize) {
    let held = live_bytes() - since;
    assert!(held < MEMORY_MAX_BYTES, "{held} bytes are held");
}
