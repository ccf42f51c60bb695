//! Whatever comes, and whatever is asked.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn hostile_datagrams_never_panic(packets in proptest::collection::vec((any::<bool>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..100)) {
        let mut pair = Pair::connected(1, Wire::default(), deaf(), deaf());
        for (rtp, shaped, mut packet) in packets {
            if shaped && packet.len() > 12 {
                packet[0] = 0x80;
                packet[1] &= 0x88;
            }
            let channel = if rtp { Channel::Rtp } else { Channel::Rtcp };
            pair.near.bridge.handle_message(pair.now, channel, address(FAR), &packet);
            pair.advance(TICK);
        }
    }

    #[test]
    fn every_mark_comes_back_once_whatever_is_asked(asked in proptest::collection::vec(0u8..6, 0..200)) {
        let mut pair = Pair::connected(2, Wire::default(), deaf(), deaf());
        let mut given = 0;
        for what in asked {
            match what {
                0 | 1 => { pair.near(play(&clip(50, 100), given)); given += 1; }
                2 => pair.near(Command::Clear),
                3 => pair.near(Command::OpenGate),
                4 => pair.near(Command::CloseGate),
                _ => pair.advance(TICK),
            }
        }
        pair.near(Command::Close);
        let marks: Vec<u32> = pair.near.marks().iter().map(|(mark, _)| *mark).collect();
        prop_assert_eq!(marks, (0..given).collect::<Vec<_>>());
    }
}
