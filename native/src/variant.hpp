// The few GVariant types of file, directory and tree objects, as bytes.
//
// Sources: GVariant serialisation (normal form), OSTree repository format. Framing offsets are little-endian, numbers
// big-endian. Decoders accept hostile bytes: every offset is checked, anything odd is a DataError 'InvalidFormat'.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sha256.hpp"

namespace native {

struct Xattr {
  std::string name;
  std::string value;
};
using Xattrs = std::vector<Xattr>;

// Everything of a file or directory that its object covers, besides content. `mode` is the full st_mode.
struct Meta {
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t mode = 0;
  std::string target;
  Xattrs xattrs;
};

// The stream header of a file object: what is hashed before the content.
std::string encode_file_header(const Meta& meta);
// The header of an archive object, with the size of the content.
std::string encode_filez_header(const Meta& meta, uint64_t size);
// (uuua(ayay)): a dirmeta object, and the attribute user.ostreemeta of bare-user repos.
std::string encode_meta(const Meta& meta);

struct FilezHeader {
  Meta meta;
  uint64_t size = 0;
  // Bytes before the compressed content.
  size_t length = 0;
};

// The longest header accepted: extended attributes are at most 64 KiB of names with 64 KiB each, in practice a few.
constexpr size_t max_header = size_t{16} << 20;
constexpr size_t filez_prefix = 8;

// Length of the variant of a filez header whose first eight bytes these are; DataError beyond max_header.
size_t filez_variant_length(const uint8_t* prefix);
FilezHeader decode_filez_header(std::string_view variant);
Meta decode_meta(std::string_view variant);

struct TreeFile {
  std::string name;
  Digest checksum;
};
struct TreeDirectory {
  std::string name;
  Digest tree;
  Digest meta;
};
struct Tree {
  std::vector<TreeFile> files;
  std::vector<TreeDirectory> directories;
};

// The tables of a static delta part, (a(uuu)aa(ayay)ayay): views of the bytes they were decoded from.
struct DeltaPayload {
  std::string_view modes;
  std::vector<std::string_view> xattrs;
  std::string_view data;
  std::string_view operations;
};

// Each distinct set of attributes stands there once. Splitting costs up to eight bytes of memory for one of these.
constexpr size_t max_xattr_table = size_t{64} << 20;

DeltaPayload decode_delta_payload(std::string_view variant);
// Owner and mode number `index` of the table, without attributes.
Meta delta_mode(const DeltaPayload& payload, uint64_t index);
Xattrs delta_xattrs(const DeltaPayload& payload, uint64_t index);

// A dirtree object; refuses unsorted, doubled and impossible names.
Tree decode_tree(std::string_view variant);

}  // namespace native
