// Objects of a repository: their names, finding them, reading file objects of any mode, writing new ones.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "files.hpp"

namespace native {

enum class Mode { bare, archive, bare_user, bare_user_only };

// Throws a TypeError for an unknown name.
Mode parse_mode(Napi::Env env, const std::string& name);

// "ab/cdef….SUFFIX".
std::string object_name(const Digest& checksum, const char* suffix);
const char* file_suffix(Mode mode);

struct ObjectName {
  Digest checksum;
  uint8_t type;  // numbers of the OSTree repository format: 1 file, 2 dirtree, 3 dirmeta, 4 commit, …
  std::string suffix;
};
// The object that "XX" / "REST.SUFFIX" names, if it names one.
std::optional<ObjectName> parse_object_name(const std::string& prefix, const std::string& rest);
// True if the name is two lower-case hex digits.
bool is_prefix(const std::string& name);

// A file object opened for reading. Its content is `raw` bytes of `fd`, or the deflated rest of `fd` behind the header.
struct FileObject {
  Fd fd;
  Meta meta;
  uint64_t size = 0;
  bool deflated = false;
  std::string path;
};

// The file object, or nothing where there is none. DataError if its header cannot be read, or it is of a type that the mode
// does not know.
std::optional<FileObject> open_file_object(int objects, Mode mode, const Digest& checksum);

// What an open regular file with these attributes is as a file object of that mode.
FileObject file_object_of(Fd fd, Mode mode, const struct stat& st, const Xattrs& xattrs, const std::string& path);

// DataError InvalidFormat if a repo of that mode has nowhere to keep what is special about such a file.
void require_storable(Mode mode, const Meta& meta);

// The content in pieces, from its start; DataError if it cannot be inflated to exactly its size. Uses the worker's buffer.
void each_content(const FileObject& object, Bulk& bulk, Worker& worker, const std::function<void(const uint8_t*, size_t)>& use);

// The checksum that header and content really have.
Digest actual_checksum(const FileObject& object, Bulk& bulk, Worker& worker);

// Where new objects are written: a directory with XX directories below it.
//
// `direct` creates files under their final names, the faster way: only for a directory that is thrown away as a whole if
// anything fails. Otherwise a file gets its name when it is complete.
class ObjectDirectory {
 public:
  ObjectDirectory(int fd, bool direct);
  int fd() const { return fd_; }
  // Makes sure that the XX of that object name exists.
  void ensure_prefix(const std::string& name);
  std::vector<std::string> prefixes() const;

  // A new file; an empty Fd if another thread is making or has made that very object.
  struct NewFile {
    Fd fd;
    std::string name;
    std::string temporary;  // empty if it has no name or its final one
  };
  NewFile create(const std::string& name);
  // Gives the file its name; false if the object was there already.
  bool finish(NewFile& file);
  // Removes what `create` made.
  void discard(NewFile& file);
  bool symlink(const std::string& name, const Meta& meta);

 private:
  int fd_;
  bool direct_;
  std::array<std::atomic<bool>, 256> made_ = {};
};

// Sets owner, extended attributes, mode and time zero, as a file object of that mode has them.
void set_object_attributes(int fd, Mode mode, const Meta& meta, const std::string& name);

// Writes file objects in the form of one mode.
class ObjectWriter {
 public:
  ObjectWriter(ObjectDirectory& directory, Mode mode, int zlib_level) : directory_(directory), mode_(mode), zlib_level_(zlib_level) {}
  // From memory; `content` must be what the checksum was computed from. False if the object was there already.
  bool write(const Digest& checksum, const Meta& meta, const uint8_t* content, size_t size);
  // Streams from an open file, hashing what is written: DataError if it is not what `checksum` says.
  bool write_stream(const Digest& checksum, const Meta& meta, int from, Bulk& bulk, Worker& worker, const std::string& path);

 private:
  bool write_symlink(const std::string& name, const Meta& meta);
  ObjectDirectory& directory_;
  Mode mode_;
  int zlib_level_;
};

// Answers whether a file object is already in the repository or its staging.
class KnownObjects {
 public:
  KnownObjects(int objects, int staging) : objects_(objects), staging_(staging) {}
  bool has(const std::string& name) const;

 private:
  int objects_;
  int staging_;
};

}  // namespace native
