// Reading and copying single files and directories, for the bulk calls.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>
#include <vector>

#include "bulk.hpp"
#include "variant.hpp"

namespace native {

// What one thread reuses from file to file.
struct Worker {
  Sha256 sha;
  std::vector<uint8_t> buffer = std::vector<uint8_t>(buffer_size);
  // A file up to this size is read once and handled in memory; larger ones are streamed in pieces of this size.
  static constexpr size_t buffer_size = size_t{1} << 20;
};

struct Entry {
  std::string name;
  unsigned char type;  // DT_…, never DT_UNKNOWN
};

// All entries but "." and "..", in byte order of their names.
std::vector<Entry> list_directory(int fd, const std::string& path);

// Opens a directory below `root`, following no symlink anywhere in `path` ("" is root itself).
Fd open_directory_below(int root, const std::string& path);

// Opens a regular file for reading; refuses symlinks and does not wait for fifos.
Fd open_file(int dirfd, const std::string& name, const std::string& path);

struct stat stat_fd(int fd, const std::string& path);

// The extended attributes sorted by name, of an open file or of a name that may be a symlink.
Xattrs read_xattrs(int fd, const std::string& path);
Xattrs read_xattrs_at(int dirfd, const std::string& name, const std::string& path);
// What a commit keeps of them: OSTree takes an attribute with an empty value for none.
Xattrs without_empty(Xattrs xattrs);
void write_xattrs(int fd, const Xattrs& xattrs, const std::string& path);
void write_xattrs_at(int dirfd, const std::string& name, const Xattrs& xattrs, const std::string& path);

std::string read_link(int dirfd, const std::string& name, const std::string& path);

// Reads a whole small file of metadata; DataError LimitExceeded beyond `limit`.
std::string read_whole(int fd, size_t limit, const std::string& path);

// Reads from the descriptor's position to the end in pieces.
void each_chunk(int fd, const Bulk& bulk, Worker& worker, const std::string& path, const std::function<void(const uint8_t*, size_t)>& use);

// SHA-256 of `header` and of everything from the descriptor's position to the end.
Digest hash_rest(int fd, const std::string& header, Bulk& bulk, Worker& worker, const std::string& path);

// Copies `size` bytes of content into the empty file `to`: as a clone where that pays and works, else by the kernel, else by
// hand. The source's position does not matter.
void copy_content(int from, int to, uint64_t size, Bulk& bulk, Worker& worker, const std::string& path);

std::string join(const std::string& directory, const std::string& name);

// True unless the path is empty, absolute or has an empty, "." or ".." component.
bool is_plain_relative(const std::string& path);

// A name no other call picks.
std::string unique_name(const char* prefix);

// Removes a whole directory tree named below `dirfd`; absent is fine. On the calling thread.
void remove_tree(int dirfd, const std::string& name);

extern const struct timespec epoch[2];

}  // namespace native
