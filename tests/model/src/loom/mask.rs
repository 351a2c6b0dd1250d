// SPDX-License-Identifier: MIT OR Apache-2.0

//! MASK while cores come and go: a picture with an epoch is one of a single moment.

use loom::thread;

use super::{
    explore::{MOST_PREEMPTIONS, check_within},
    world::{OWNER, World},
};

/// The core that goes has the higher index: it is looked at last.
const STARTED: usize = 1;
const LEAVING: usize = 2;

/// One core starts another and leaves: at every moment one of the two is on or on its way.
fn model() {
    let world = World::new(&[OWNER, LEAVING]);
    let reader = thread::spawn({
        let world = world.clone();
        move || world.table().census(0).unwrap()
    });
    world.start(LEAVING, STARTED).unwrap();
    world.off(LEAVING);
    let census = reader.join().unwrap();
    if census.epoch != 0 {
        let either = census.on & 1 << LEAVING | census.pending & 1 << STARTED;
        assert_ne!(either, 0, "MASK: no moment had this picture: {census:?}");
    }
}

#[test]
fn a_picture_with_an_epoch_is_of_one_moment() {
    check_within(MOST_PREEMPTIONS, model);
}
