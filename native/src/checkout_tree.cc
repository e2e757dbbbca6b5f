// checkoutTree: a tree of directories made from dirtree and dirmeta objects, with hard links to file objects or copies.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "branches.hpp"
#include "objects.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

// Metadata objects larger than this are refused everywhere.
constexpr size_t max_metadata = size_t{128} << 20;
// Below what any path can name, and above every real tree.
constexpr size_t max_depth = 2048;
// Longer than any path a program can use (PATH_MAX); without it, names of 255 bytes would add up at every level.
constexpr size_t max_path = 4096;
// Objects name each other, so a few small ones can describe a tree of astronomical size. As many as a pull takes.
constexpr uint64_t max_entries = 10'000'000;
// Those that wait for their turn are in memory, some 300 bytes each; a large system has 10^5.
constexpr uint64_t max_directories = 2'000'000;

struct CheckoutRequest {
  Fd objects, parent_objects, destination;
  std::string name;
  Mode mode;
  Digest tree, meta;
  bool link, user_mode, united;
};

struct Totals {
  std::atomic<uint64_t> files{0}, symlinks{0}, directories{0}, bytes{0}, linked{0}, copied{0}, entries{0}, known_directories{0};
};

struct Payload {
  Digest tree = {};
  Digest meta = {};
  Meta attributes;
  bool made = false;  // by us: what was there before keeps its attributes
};
using Directory = Branch<Payload>;
using Task = std::shared_ptr<Directory>;

[[noreturn]] void missing(const char* type, const Digest& checksum) {
  throw DataError("MissingObject", std::string("missing ") + type + " object " + to_hex(checksum), {{"type", type}, {"checksum", to_hex(checksum)}});
}

[[noreturn]] void corrupt(const char* type, const Digest& checksum, const std::string& why) {
  throw DataError("CorruptObject", std::string("corrupt ") + type + " object " + to_hex(checksum) + ": " + why, {{"type", type}, {"checksum", to_hex(checksum)}});
}

class Checkout {
 public:
  explicit Checkout(CheckoutRequest request) : request_(std::move(request)) {}
  void run(Bulk& bulk);
  Totals totals;

 private:
  std::string load(const char* type, const Digest& checksum, Worker& worker);
  void fill(const Task& directory, Bulk& bulk, Worker& worker);
  void make(Directory& directory, Worker& worker);
  void finish(Directory& directory);
  void place(Directory& directory, const TreeFile& file, Bulk& bulk, Worker& worker);
  bool link(Directory& directory, const TreeFile& file, const std::string& object);
  bool link_from(int objects, Directory& directory, const TreeFile& file, const std::string& object);
  void copy(Directory& directory, const TreeFile& file, Bulk& bulk, Worker& worker);
  void copy_symlink(int dirfd, const std::string& name, const Meta& meta, const std::string& path);
  void copy_regular(int dirfd, const std::string& name, const FileObject& object, Bulk& bulk, Worker& worker, const std::string& path);
  template <typename Create>
  void replacing(Directory& directory, const std::string& name, Create create);

  CheckoutRequest request_;
  WorkQueue<Task> queue_;
};

void Checkout::run(Bulk& bulk) {
  auto top = std::make_shared<Directory>();
  top->fd = Fd(::fcntl(request_.destination.get(), F_DUPFD_CLOEXEC, 0));
  Payload root;
  root.tree = request_.tree;
  root.meta = request_.meta;
  Task first = make_branch(top, request_.name, std::move(root));
  queue_.push(std::move(first));
  queue_.drain(bulk, [&] {
    return [&, worker = std::make_shared<Worker>()](Task& task) { fill(task, bulk, *worker); };
  });
}

// A metadata object, checked against its name: hostile bytes must not come in through a damaged repository.
std::string Checkout::load(const char* type, const Digest& checksum, Worker& worker) {
  const std::string name = object_name(checksum, type);
  for (const Fd* objects : {&request_.objects, &request_.parent_objects}) {
    if (!*objects) continue;
    const Fd fd(kernel::openat(objects->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    if (!fd && errno == ENOENT) continue;
    if (!fd) fail("openat", name);
    std::string content = read_whole(fd.get(), max_metadata, name);
    worker.sha.restart();
    worker.sha.update(content);
    if (worker.sha.finish() != checksum) corrupt(type, checksum, "its content has another checksum");
    return content;
  }
  missing(type, checksum);
}

void Checkout::make(Directory& directory, Worker& worker) {
  Payload& payload = directory.payload;
  try {
    payload.attributes = decode_meta(load("dirmeta", payload.meta, worker));
  } catch (const DataError& error) {
    if (strcmp(error.code, "InvalidFormat") != 0) throw;
    corrupt("dirmeta", payload.meta, error.message);
  }
  if (!S_ISDIR(payload.attributes.mode)) corrupt("dirmeta", payload.meta, "not the mode of a directory");
  const int parent = directory.parent->fd.get();
  payload.made = kernel::mkdirat(parent, directory.name.c_str(), 0700) == 0;
  if (!payload.made && (errno != EEXIST || !request_.united)) fail("mkdirat", join(request_.name, directory.path));
  directory.fd = Fd(kernel::openat(parent, directory.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (!directory.fd) fail("openat", join(request_.name, directory.path));
  totals.directories++;
}

void Checkout::fill(const Task& directory, Bulk& bulk, Worker& worker) {
  bulk.check();
  enter_branch(*directory);
  // The root's own name is not part of the paths in messages.
  if (directory->depth == 1) directory->path.clear();
  if (directory->depth > max_depth || directory->path.size() > max_path) {
    throw DataError("LimitExceeded", directory->path.substr(0, 200) + " … is too deep or its path too long");
  }
  make(*directory, worker);
  Tree tree;
  try {
    tree = decode_tree(load("dirtree", directory->payload.tree, worker));
  } catch (const DataError& error) {
    if (strcmp(error.code, "InvalidFormat") != 0) throw;
    corrupt("dirtree", directory->payload.tree, error.message);
  }
  const uint64_t directories = tree.directories.size();
  const uint64_t entries = tree.files.size() + directories;
  if (totals.entries.fetch_add(entries) + entries > max_entries || totals.known_directories.fetch_add(directories) + directories > max_directories) {
    throw DataError("LimitExceeded", "the tree has too many entries");
  }
  for (TreeDirectory& child : tree.directories) {
    Payload payload;
    payload.tree = child.tree;
    payload.meta = child.meta;
    Task task = make_branch(directory, std::move(child.name), std::move(payload));
    queue_.push(std::move(task));
  }
  for (const TreeFile& file : tree.files) {
    bulk.check();
    place(*directory, file, bulk, worker);
    bulk.items++;
  }
  settle_branch(directory, [&](Directory& done) { finish(done); });
  bulk.items++;
}

void Checkout::finish(Directory& directory) {
  if (!directory.payload.made) return;
  const Meta& meta = directory.payload.attributes;
  const int fd = directory.fd.get();
  const std::string path = join(request_.name, directory.path);
  if (!request_.user_mode) {
    write_xattrs(fd, meta.xattrs, path);
    if (kernel::fchown(fd, meta.uid, meta.gid) < 0) fail("fchown", path);
  }
  // After the owner: chown clears the set-id bits.
  if (kernel::fchmod(fd, meta.mode & 07777) < 0) fail("fchmod", path);
  if (kernel::futimens(fd, epoch) < 0) fail("futimens", path);
}

void Checkout::place(Directory& directory, const TreeFile& file, Bulk& bulk, Worker& worker) {
  const bool linkable = request_.link && (request_.mode == Mode::bare ? !request_.user_mode : request_.mode != Mode::archive && request_.user_mode);
  if (linkable && link(directory, file, object_name(file.checksum, "file"))) return;
  copy(directory, file, bulk, worker);
}

bool Checkout::link(Directory& directory, const TreeFile& file, const std::string& object) {
  return link_from(request_.objects.get(), directory, file, object) ||
         (request_.parent_objects && link_from(request_.parent_objects.get(), directory, file, object));
}

// False where the object is absent or better copied.
bool Checkout::link_from(int objects, Directory& directory, const TreeFile& file, const std::string& object) {
  struct stat st;
  if (::fstatat(objects, object.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return false;
    fail("fstatat", object);
  }
  const bool symlink = S_ISLNK(st.st_mode);
  // Empty files are common and would run into the limit of links to one inode.
  if (!symlink && (!S_ISREG(st.st_mode) || st.st_size == 0)) return false;
  // Symlinks of bare-user repos are regular files in disguise: small ones may be such.
  if (request_.mode == Mode::bare_user && st.st_size <= 4096) {
    const auto known = open_file_object(objects, request_.mode, file.checksum);
    if (known && S_ISLNK(known->meta.mode)) return false;
  }
  bool refused = false;
  replacing(directory, file.name, [&](int dirfd, const std::string& name) {
    if (kernel::linkat(objects, object.c_str(), dirfd, name.c_str(), 0) == 0) return true;
    refused = errno == EMLINK || errno == EXDEV || errno == EPERM;
    return refused;
  });
  if (refused) return false;
  (symlink ? totals.symlinks : totals.files)++;
  totals.linked++;
  return true;
}

// Calls `create` with the final name, or where that is taken in a union, with a temporary one that then replaces it.
// `create` returns false with errno set to fail.
template <typename Create>
void Checkout::replacing(Directory& directory, const std::string& name, Create create) {
  const int dirfd = directory.fd.get();
  if (create(dirfd, name)) return;
  if (errno != EEXIST || !request_.united) fail("create", join(directory.path, name));
  const std::string temporary = unique_name(".new-");
  if (!create(dirfd, temporary)) fail("create", join(directory.path, name));
  const bool renamed = kernel::renameat2(dirfd, temporary.c_str(), dirfd, name.c_str(), 0) == 0;
  const int error = errno;
  // A rename onto another link of the same file does nothing: the temporary name is then still there.
  kernel::unlinkat(dirfd, temporary.c_str(), 0);
  if (!renamed) throw SystemError(error, "renameat2", join(directory.path, name));
}

void Checkout::copy(Directory& directory, const TreeFile& file, Bulk& bulk, Worker& worker) {
  std::optional<FileObject> object;
  try {
    object = open_file_object(request_.objects.get(), request_.mode, file.checksum);
    if (!object && request_.parent_objects) object = open_file_object(request_.parent_objects.get(), request_.mode, file.checksum);
  } catch (const DataError& error) {
    corrupt("file", file.checksum, error.message);
  }
  if (!object) missing("file", file.checksum);
  const std::string path = join(directory.path, file.name);
  const bool symlink = S_ISLNK(object->meta.mode);
  replacing(directory, file.name, [&](int dirfd, const std::string& name) {
    if (symlink) {
      if (kernel::symlinkat(object->meta.target.c_str(), dirfd, name.c_str()) < 0) return false;
      copy_symlink(dirfd, name, object->meta, path);
      return true;
    }
    const Fd made(kernel::openat(dirfd, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    if (!made) return false;
    try {
      copy_regular(made.get(), name, *object, bulk, worker, path);
    } catch (const DataError& error) {
      if (strcmp(error.code, "InvalidFormat") != 0) throw;
      corrupt("file", file.checksum, error.message);
    }
    return true;
  });
  (symlink ? totals.symlinks : totals.files)++;
  totals.copied++;
}

void Checkout::copy_symlink(int dirfd, const std::string& name, const Meta& meta, const std::string& path) {
  if (request_.user_mode) return;
  if (kernel::fchownat(dirfd, name.c_str(), meta.uid, meta.gid, AT_SYMLINK_NOFOLLOW) < 0) fail("fchownat", path);
  write_xattrs_at(dirfd, name, meta.xattrs, path);
}

void Checkout::copy_regular(int fd, const std::string&, const FileObject& object, Bulk& bulk, Worker& worker, const std::string& path) {
  if (!object.deflated) {
    copy_content(object.fd.get(), fd, object.size, bulk, worker, path);
  } else {
    each_content(object, bulk, worker, [&](const uint8_t* data, size_t size) {
      if (kernel::write_all(fd, data, size) < 0) fail("write", path);
      bulk.bytes += size;
    });
  }
  totals.bytes += object.size;
  const Meta& meta = object.meta;
  if (!request_.user_mode) {
    if (kernel::fchown(fd, meta.uid, meta.gid) < 0) fail("fchown", path);
    write_xattrs(fd, meta.xattrs, path);
  }
  // The file belongs to the caller now: it must not lend the caller's rights, and the caller must be able to read it.
  const mode_t mode = request_.user_mode ? (meta.mode & 01777) | 0400 : meta.mode & 07777;
  if (kernel::fchmod(fd, mode) < 0) fail("fchmod", path);
  if (kernel::futimens(fd, epoch) < 0) fail("futimens", path);
}

Digest digest_of(const std::string& bytes) {
  Digest digest = {};
  memcpy(digest.data(), bytes.data(), std::min(bytes.size(), digest.size()));
  return digest;
}

Napi::Value checkout_tree(const Info& info) {
  Request request(info);
  CheckoutRequest wanted;
  wanted.objects = request.fd("objects");
  wanted.parent_objects = request.fd("parentObjects");
  wanted.destination = request.fd("destination");
  wanted.name = request.text("name");
  wanted.mode = parse_mode(info.Env(), request.text("mode"));
  wanted.tree = digest_of(request.bytes("rootTree"));
  wanted.meta = digest_of(request.bytes("rootMeta"));
  wanted.link = request.flag("link");
  wanted.user_mode = request.flag("userMode");
  wanted.united = request.flag("union");
  // "." adds to the destination itself.
  const bool here = wanted.name == "." && wanted.united;
  if (!here && (!is_plain_relative(wanted.name) || wanted.name.find('/') != std::string::npos)) {
    throw Napi::TypeError::New(info.Env(), "the name of a checkout is one component");
  }
  auto checkout = std::make_shared<Checkout>(std::move(wanted));
  return start_bulk(info.Env(), request, [checkout](Bulk& bulk) { checkout->run(bulk); }, [checkout](Napi::Env env) {
    const Totals& t = checkout->totals;
    return number_record(env, {{"files", t.files}, {"symlinks", t.symlinks}, {"directories", t.directories},
                               {"bytes", t.bytes}, {"linked", t.linked}, {"copied", t.copied}});
  });
}

}  // namespace

void export_checkout(Napi::Env env, Napi::Object exports) {
  exports.Set("checkoutTree", Napi::Function::New(env, checkout_tree, "checkoutTree"));
}

}  // namespace native
