//! A worker: whatever happens in whatever order, it goes on, keeps its budget, and forgets who is gone.
//! The steps are those of `src/script.rs`, what must hold is in `src/world.rs`.
#![no_main]

use fuzz::script::steps;
use fuzz::world::World;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut world = World::new();
    for step in steps(input) {
        world.take(&step);
    }
    world.end();
});
