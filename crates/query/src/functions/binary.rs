//! Bytes: encodings and hashes; URLs; UUIDs.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

use super::{Resolved, f, invalid};
use crate::{
    types::{Type, VARCHAR},
    value::Value,
};

pub(super) fn resolve(name: &str, types: &[Type], _: &[Option<Value>]) -> Option<Resolved> {
    use Type::{BigInt, Varbinary};
    let b = || Varbinary;
    let v = || VARCHAR;
    let bytes = |bytes: Vec<u8>| Ok(Value::Bytes(bytes));
    let part = |read: fn(&url::Url) -> Option<String>| {
        f([VARCHAR], VARCHAR, move |a| {
            Ok(url::Url::parse(a[0].str()).ok().and_then(|url| read(&url)).map_or(Value::Null, Value::Str))
        })
    };
    match (name, types.len()) {
        ("to_utf8", 1) => f([v()], b(), move |a| bytes(a[0].str().as_bytes().to_vec())),
        ("from_utf8", 1) => f([b()], v(), |a| Ok(Value::Str(String::from_utf8_lossy(a[0].bytes()).into_owned()))),
        ("to_hex", 1) => f([b()], v(), |a| Ok(Value::Str(hex::encode_upper(a[0].bytes())))),
        ("from_hex", 1) => {
            f([v()], b(), |a| hex::decode(a[0].str()).map(Value::Bytes).map_err(|error| invalid(error.to_string())))
        }
        ("to_base64", 1) => f([b()], v(), |a| Ok(Value::Str(STANDARD.encode(a[0].bytes())))),
        ("from_base64", 1) => {
            f([v()], b(), |a| STANDARD.decode(a[0].str()).map(Value::Bytes).map_err(|error| invalid(error.to_string())))
        }
        ("to_base64url", 1) => f([b()], v(), |a| Ok(Value::Str(URL_SAFE.encode(a[0].bytes())))),
        ("from_base64url", 1) => {
            f([v()], b(), |a| URL_SAFE.decode(a[0].str()).map(Value::Bytes).map_err(|error| invalid(error.to_string())))
        }
        ("md5", 1) => f([b()], b(), move |a| bytes(Md5::digest(a[0].bytes()).to_vec())),
        ("sha1", 1) => f([b()], b(), move |a| bytes(sha1(a[0].bytes()).to_vec())),
        ("sha256", 1) => f([b()], b(), move |a| bytes(Sha256::digest(a[0].bytes()).to_vec())),
        ("sha512", 1) => f([b()], b(), move |a| bytes(Sha512::digest(a[0].bytes()).to_vec())),
        ("xxhash64", 1) => f([b()], b(), move |a| bytes(xxhash64(a[0].bytes(), 0).to_be_bytes().to_vec())),
        ("crc32", 1) => f([b()], BigInt, |a| Ok(Value::Int(i64::from(crc32(a[0].bytes()))))),
        ("uuid", 0) => f([], Type::Uuid, |_| Ok(Value::Str(uuid::Uuid::new_v4().to_string()))).map(Resolved::volatile),
        ("url_extract_protocol", 1) => part(|url| Some(url.scheme().to_owned())),
        ("url_extract_host", 1) => part(|url| Some(url.host_str().unwrap_or_default().to_owned())),
        ("url_extract_path", 1) => part(|url| Some(url.path().to_owned())),
        ("url_extract_query", 1) => part(|url| Some(url.query().unwrap_or_default().to_owned())),
        ("url_extract_fragment", 1) => part(|url| Some(url.fragment().unwrap_or_default().to_owned())),
        ("url_extract_port", 1) => f([v()], BigInt, |a| {
            Ok(url::Url::parse(a[0].str())
                .ok()
                .and_then(|url| url.port())
                .map_or(Value::Null, |port| Value::Int(i64::from(port))))
        }),
        ("url_extract_parameter", 2) => f([v(), v()], v(), |a| {
            let url = url::Url::parse(a[0].str()).ok();
            let found = url.and_then(|url| {
                url.query_pairs().find(|(key, _)| key == a[1].str()).map(|(_, value)| value.into_owned())
            });
            Ok(found.map_or(Value::Null, Value::Str))
        }),
        ("url_encode", 1) => {
            f([v()], v(), |a| Ok(Value::Str(url::form_urlencoded::byte_serialize(a[0].str().as_bytes()).collect())))
        }
        ("url_decode", 1) => f([v()], v(), |a| {
            let text = format!("x={}", a[0].str().replace('&', "%26"));
            let decoded = url::form_urlencoded::parse(text.as_bytes()).next().map(|(_, value)| value.into_owned());
            Ok(decoded.map_or(Value::Null, Value::Str))
        }),
        _ => None,
    }
}

/// SHA-1, which no crate of ours has. Source: FIPS 180-4.
fn sha1(input: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    let mut message = input.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend((input.len() as u64 * 8).to_be_bytes());
    for block in message.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (at, word) in words.iter().enumerate() {
            let (mix, constant) = match at {
                0..20 => ((b & c) | (!b & d), 0x5A82_7999),
                20..40 => (b ^ c ^ d, 0x6ED9_EBA1),
                40..60 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mix).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut out = [0; 20];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

/// CRC-32 with the polynomial of zip and Java.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// xxHash, 64 bits. Source: the xxHash specification.
pub(super) fn xxhash64(input: &[u8], seed: u64) -> u64 {
    const P: [u64; 5] = [
        0x9E37_79B1_85EB_CA87,
        0xC2B2_AE3D_27D4_EB4F,
        0x1656_67B1_9E37_79F9,
        0x85EB_CA77_C2B2_AE63,
        0x27D4_EB2F_1656_67C5,
    ];
    let round = |acc: u64, lane: u64| acc.wrapping_add(lane.wrapping_mul(P[1])).rotate_left(31).wrapping_mul(P[0]);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    let mut rest = input;
    let mut hash = if input.len() >= 32 {
        let mut lanes =
            [seed.wrapping_add(P[0]).wrapping_add(P[1]), seed.wrapping_add(P[1]), seed, seed.wrapping_sub(P[0])];
        while rest.len() >= 32 {
            for (at, lane) in lanes.iter_mut().enumerate() {
                *lane = round(*lane, word(&rest[at * 8..at * 8 + 8]));
            }
            rest = &rest[32..];
        }
        let rotated = [(0, 1), (1, 7), (2, 12), (3, 18)];
        let mut hash = rotated.iter().fold(0_u64, |sum, (at, by)| sum.wrapping_add(lanes[*at].rotate_left(*by)));
        for lane in lanes {
            hash = (hash ^ round(0, lane)).wrapping_mul(P[0]).wrapping_add(P[3]);
        }
        hash
    } else {
        seed.wrapping_add(P[4])
    };
    hash = hash.wrapping_add(input.len() as u64);
    while rest.len() >= 8 {
        hash = (hash ^ round(0, word(&rest[..8]))).rotate_left(27).wrapping_mul(P[0]).wrapping_add(P[3]);
        rest = &rest[8..];
    }
    if rest.len() >= 4 {
        let lane = u64::from(u32::from_le_bytes(rest[..4].try_into().unwrap_or_default()));
        hash = (hash ^ lane.wrapping_mul(P[0])).rotate_left(23).wrapping_mul(P[1]).wrapping_add(P[2]);
        rest = &rest[4..];
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(P[4])).rotate_left(11).wrapping_mul(P[0]);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(P[1]);
    hash = (hash ^ (hash >> 29)).wrapping_mul(P[2]);
    hash ^ (hash >> 32)
}
