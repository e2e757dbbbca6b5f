#include "variant.hpp"

#include <sys/stat.h>

#include "bulk.hpp"

namespace native {
namespace {

[[noreturn]] void invalid(const char* what) { throw DataError("InvalidFormat", what); }

void put32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

void put64(std::string& out, uint64_t value) {
  put32(out, static_cast<uint32_t>(value >> 32));
  put32(out, static_cast<uint32_t>(value));
}

size_t width_of(size_t size) {
  if (size <= 0xff) return 1;
  if (size <= 0xffff) return 2;
  return size <= 0xffffffff ? 4 : 8;
}

// Appends framing offsets of the smallest width with which the whole container can be measured.
void put_offsets(std::string& body, const std::vector<size_t>& offsets) {
  size_t width = 1;
  while (width_of(body.size() + offsets.size() * width) > width) width *= 2;
  for (const size_t offset : offsets) {
    for (size_t i = 0; i < width; i++) body += static_cast<char>(static_cast<uint64_t>(offset) >> (8 * i));
  }
}

std::string encode_xattrs(const Xattrs& xattrs) {
  std::string array;
  std::vector<size_t> ends;
  for (const Xattr& xattr : xattrs) {
    std::string pair = xattr.name;
    pair += '\0';
    const size_t name_end = pair.size();
    pair += xattr.value;
    put_offsets(pair, {name_end});
    array += pair;
    ends.push_back(array.size());
  }
  put_offsets(array, ends);
  return array;
}

void put_owner_and_mode(std::string& out, const Meta& meta) {
  put32(out, meta.uid);
  put32(out, meta.gid);
  put32(out, meta.mode);
}

std::string framed(const std::string& fixed, const Meta& meta) {
  std::string variant = fixed;
  put_owner_and_mode(variant, meta);
  put32(variant, 0);  // rdev: devices are never objects
  variant += meta.target;
  variant += '\0';
  const size_t target_end = variant.size();
  variant += encode_xattrs(meta.xattrs);
  put_offsets(variant, {target_end});
  std::string header;
  put32(header, static_cast<uint32_t>(variant.size()));
  put32(header, 0);
  return header + variant;
}

uint32_t get32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; i++) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

uint64_t get64(std::string_view bytes, size_t at) {
  return static_cast<uint64_t>(get32(bytes, at)) << 32 | get32(bytes, at + 4);
}

size_t offset_at(std::string_view bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; i++) value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  return static_cast<size_t>(value);
}

// The elements of an array of variable-size, byte-aligned elements.
std::vector<std::string_view> split_array(std::string_view bytes) {
  std::vector<std::string_view> elements;
  if (bytes.empty()) return elements;
  const size_t width = width_of(bytes.size());
  if (bytes.size() < width) invalid("array too short");
  const size_t table = offset_at(bytes, bytes.size() - width, width);
  if (table > bytes.size() - width || (bytes.size() - table) % width != 0) invalid("array offsets out of bounds");
  elements.reserve((bytes.size() - table) / width);
  size_t begin = 0;
  for (size_t at = table; at < bytes.size(); at += width) {
    const size_t end = offset_at(bytes, at, width);
    if (end < begin || end > table) invalid("array offsets out of order");
    elements.push_back(bytes.substr(begin, end - begin));
    begin = end;
  }
  return elements;
}

// The `count` variable-size members of a tuple, after `fixed` bytes of fixed-size ones.
template <size_t count>
std::array<std::string_view, count> split_tuple(std::string_view bytes, size_t fixed) {
  const size_t width = width_of(bytes.size());
  if (bytes.size() < fixed + (count - 1) * width) invalid("tuple too short");
  const size_t limit = bytes.size() - (count - 1) * width;
  std::array<std::string_view, count> members;
  size_t begin = fixed;
  for (size_t i = 0; i < count; i++) {
    const size_t end = i + 1 < count ? offset_at(bytes, bytes.size() - (i + 1) * width, width) : limit;
    if (end < begin || end > limit) invalid("tuple offsets out of order");
    members[i] = bytes.substr(begin, end - begin);
    begin = end;
  }
  return members;
}

std::string text(std::string_view bytes) {
  if (bytes.empty() || bytes.back() != '\0') invalid("string without end");
  bytes.remove_suffix(1);
  if (bytes.find('\0') != std::string_view::npos) invalid("string with a NUL");
  return std::string(bytes);
}

Digest digest(std::string_view bytes) {
  Digest result;
  if (bytes.size() != result.size()) invalid("checksum of the wrong length");
  std::copy(bytes.begin(), bytes.end(), result.begin());
  return result;
}

Xattrs decode_xattrs(std::string_view bytes) {
  Xattrs xattrs;
  for (const std::string_view element : split_array(bytes)) {
    const auto [name, value] = split_tuple<2>(element, 0);
    xattrs.push_back({text(name), std::string(value)});
    if (xattrs.back().name.empty()) invalid("extended attribute without a name");
  }
  return xattrs;
}

std::string entry_name(std::string_view bytes) {
  std::string name = text(bytes);
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) invalid("impossible name in a dirtree");
  if (!is_utf8(name)) invalid("name in a dirtree is not UTF-8");
  return name;
}

template <typename Entry>
void require_sorted(const std::vector<Entry>& entries) {
  for (size_t i = 1; i < entries.size(); i++) {
    if (entries[i - 1].name.compare(entries[i].name) >= 0) invalid("dirtree is not sorted");
  }
}

void require_disjoint(const Tree& tree) {
  size_t at = 0;
  for (const TreeDirectory& directory : tree.directories) {
    while (at < tree.files.size() && tree.files[at].name < directory.name) at++;
    if (at < tree.files.size() && tree.files[at].name == directory.name) invalid("name is both a file and a directory");
  }
}

constexpr uint32_t mode_bits = S_IFMT | 07777;
// uid, gid, mode
constexpr size_t delta_mode_size = 12;

}  // namespace

std::string encode_file_header(const Meta& meta) { return framed("", meta); }

std::string encode_filez_header(const Meta& meta, uint64_t size) {
  std::string fixed;
  put64(fixed, size);
  return framed(fixed, meta);
}

std::string encode_meta(const Meta& meta) {
  std::string variant;
  put_owner_and_mode(variant, meta);
  return variant + encode_xattrs(meta.xattrs);
}

size_t filez_variant_length(const uint8_t* prefix) {
  const std::string_view bytes(reinterpret_cast<const char*>(prefix), filez_prefix);
  const size_t length = get32(bytes, 0);
  if (get32(bytes, 4) != 0) invalid("file header without its padding");
  if (length > max_header) throw DataError("LimitExceeded", "file header too large");
  return length;
}

FilezHeader decode_filez_header(std::string_view bytes) {
  constexpr size_t fixed = 24;
  const auto [target, xattrs] = split_tuple<2>(bytes, fixed);
  FilezHeader header;
  header.size = get64(bytes, 0);
  header.meta.uid = get32(bytes, 8);
  header.meta.gid = get32(bytes, 12);
  header.meta.mode = get32(bytes, 16);
  header.meta.target = text(target);
  header.meta.xattrs = decode_xattrs(xattrs);
  header.length = filez_prefix + bytes.size();
  const bool symlink = S_ISLNK(header.meta.mode);
  if ((!symlink && !S_ISREG(header.meta.mode)) || (header.meta.mode & ~mode_bits) != 0) invalid("file of an impossible type");
  if (get32(bytes, 20) != 0 || symlink == header.meta.target.empty()) invalid("impossible file header");
  if (symlink && header.size != 0) invalid("symlink with content");
  return header;
}

Meta decode_meta(std::string_view bytes) {
  constexpr size_t fixed = 12;
  if (bytes.size() < fixed) invalid("metadata too short");
  Meta meta;
  meta.uid = get32(bytes, 0);
  meta.gid = get32(bytes, 4);
  meta.mode = get32(bytes, 8);
  meta.xattrs = decode_xattrs(bytes.substr(fixed));
  if ((meta.mode & ~mode_bits) != 0) invalid("impossible mode");
  return meta;
}

DeltaPayload decode_delta_payload(std::string_view bytes) {
  const auto [modes, xattrs, data, operations] = split_tuple<4>(bytes, 0);
  if (modes.size() % delta_mode_size != 0) invalid("mode table of an impossible size");
  if (xattrs.size() > max_xattr_table) throw DataError("LimitExceeded", "the table of extended attributes is too large");
  return {modes, split_array(xattrs), data, operations};
}

Meta delta_mode(const DeltaPayload& payload, uint64_t index) {
  if (index >= payload.modes.size() / delta_mode_size) invalid("mode number out of bounds");
  const size_t at = static_cast<size_t>(index) * delta_mode_size;
  Meta meta;
  meta.uid = get32(payload.modes, at);
  meta.gid = get32(payload.modes, at + 4);
  meta.mode = get32(payload.modes, at + 8);
  if ((!S_ISLNK(meta.mode) && !S_ISREG(meta.mode)) || (meta.mode & ~mode_bits) != 0) invalid("file of an impossible type");
  return meta;
}

Xattrs delta_xattrs(const DeltaPayload& payload, uint64_t index) {
  if (index >= payload.xattrs.size()) invalid("number of extended attributes out of bounds");
  return decode_xattrs(payload.xattrs[static_cast<size_t>(index)]);
}

Tree decode_tree(std::string_view bytes) {
  const auto [files, directories] = split_tuple<2>(bytes, 0);
  Tree tree;
  for (const std::string_view element : split_array(files)) {
    const auto [name, checksum] = split_tuple<2>(element, 0);
    tree.files.push_back({entry_name(name), digest(checksum)});
  }
  for (const std::string_view element : split_array(directories)) {
    const auto [name, checksum, meta] = split_tuple<3>(element, 0);
    tree.directories.push_back({entry_name(name), digest(checksum), digest(meta)});
  }
  require_sorted(tree.files);
  require_sorted(tree.directories);
  require_disjoint(tree);
  return tree;
}

}  // namespace native
