// copyTree: a tree with all its attributes, never sharing an inode with its source.
#include <dirent.h>
#include <fcntl.h>

#include <cerrno>

#include "branches.hpp"
#include "files.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

// Each level costs two descriptors until all below it is done; no path leads deeper.
constexpr size_t max_depth = 2048;

struct Payload {
  std::shared_ptr<Fd> source_parent;
  std::shared_ptr<Fd> source;
  struct stat st = {};
};
using Directory = Branch<Payload>;
using Task = std::shared_ptr<Directory>;

struct Totals {
  std::atomic<uint64_t> files{0}, symlinks{0}, directories{0}, bytes{0};
};

class TreeCopy {
 public:
  TreeCopy(Fd from, std::string from_name, Fd to, std::string to_name)
      : from_(std::make_shared<Fd>(std::move(from))), from_name_(std::move(from_name)), to_(std::move(to)), to_name_(std::move(to_name)) {}

  void run(Bulk& bulk) {
    auto top = std::make_shared<Directory>();
    top->fd = Fd(::fcntl(to_.get(), F_DUPFD_CLOEXEC, 0));
    Payload root;
    root.source_parent = from_;
    queue_.push(make_branch(top, to_name_, std::move(root)));
    queue_.drain(bulk, [&] {
      return [&, worker = std::make_shared<Worker>()](Task& task) { fill(task, bulk, *worker); };
    });
  }
  Totals totals;

 private:
  void fill(const Task& directory, Bulk& bulk, Worker& worker) {
    bulk.check();
    enter_branch(*directory);
    if (directory->depth > max_depth) throw DataError("LimitExceeded", directory->path + " is too deep", {{"path", directory->path}});
    Payload& payload = directory->payload;
    // The root may have another name in the source; below it the names are the same.
    const std::string& source_name = directory->depth == 1 ? from_name_ : directory->name;
    payload.source = std::make_shared<Fd>(open_directory_below(payload.source_parent->get(), source_name));
    payload.st = stat_fd(payload.source->get(), directory->path);
    const int parent = directory->parent->fd.get();
    if (kernel::mkdirat(parent, directory->name.c_str(), 0700) < 0) fail("mkdirat", directory->path);
    directory->fd = Fd(kernel::openat(parent, directory->name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (!directory->fd) fail("openat", directory->path);
    totals.directories++;
    for (const Entry& entry : list_directory(payload.source->get(), directory->path)) {
      bulk.check();
      copy_entry(directory, entry, bulk, worker);
      bulk.items++;
    }
    settle_branch(directory, [&](Directory& done) { finish(done); });
  }

  void copy_entry(const Task& directory, const Entry& entry, Bulk& bulk, Worker& worker) {
    const std::string path = join(directory->path, entry.name);
    if (entry.type == DT_DIR) {
      Payload payload;
      payload.source_parent = directory->payload.source;
      queue_.push(make_branch(directory, entry.name, std::move(payload)));
    } else if (entry.type == DT_REG) {
      copy_regular(*directory, entry.name, path, bulk, worker);
    } else if (entry.type == DT_LNK) {
      copy_symlink(*directory, entry.name, path);
    } else {
      throw DataError("InvalidFormat", path + " is neither a file nor a symlink nor a directory", {{"path", path}});
    }
  }

  void copy_regular(Directory& directory, const std::string& name, const std::string& path, Bulk& bulk, Worker& worker) {
    const Fd from = open_file(directory.payload.source->get(), name, path);
    const struct stat st = stat_fd(from.get(), path);
    const Fd to(kernel::openat(directory.fd.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    if (!to) fail("openat", path);
    copy_content(from.get(), to.get(), static_cast<uint64_t>(st.st_size), bulk, worker, path);
    set_attributes(to.get(), st, read_xattrs(from.get(), path), path);
    totals.files++;
    totals.bytes += static_cast<uint64_t>(st.st_size);
  }

  void copy_symlink(Directory& directory, const std::string& name, const std::string& path) {
    const int from = directory.payload.source->get();
    const int to = directory.fd.get();
    struct stat st;
    if (::fstatat(from, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) fail("fstatat", path);
    if (kernel::symlinkat(read_link(from, name, path).c_str(), to, name.c_str()) < 0) fail("symlinkat", path);
    if (kernel::fchownat(to, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0) fail("fchownat", path);
    write_xattrs_at(to, name, read_xattrs_at(from, name, path), path);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    if (kernel::utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) fail("utimensat", path);
    totals.symlinks++;
  }

  void finish(Directory& directory) {
    const Payload& payload = directory.payload;
    set_attributes(directory.fd.get(), payload.st, read_xattrs(payload.source->get(), directory.path), directory.path);
  }

  static void set_attributes(int fd, const struct stat& st, const Xattrs& xattrs, const std::string& path) {
    if (kernel::fchown(fd, st.st_uid, st.st_gid) < 0) fail("fchown", path);
    write_xattrs(fd, xattrs, path);
    // After the owner: chown clears the set-id bits.
    if (kernel::fchmod(fd, st.st_mode & 07777) < 0) fail("fchmod", path);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    if (kernel::futimens(fd, times) < 0) fail("futimens", path);
  }

  std::shared_ptr<Fd> from_;
  std::string from_name_;
  Fd to_;
  std::string to_name_;
  WorkQueue<Task> queue_;
};

Napi::Value copy_tree(const Info& info) {
  Request request(info);
  const std::string from_name = request.text("fromName");
  const std::string to_name = request.text("toName");
  for (const std::string& name : {from_name, to_name}) {
    if (!is_plain_relative(name)) throw Napi::TypeError::New(info.Env(), "not a path below a directory: " + escaped(name));
  }
  auto copy = std::make_shared<TreeCopy>(request.fd("from"), from_name, request.fd("to"), to_name);
  return start_bulk(info.Env(), request, [copy](Bulk& bulk) { copy->run(bulk); }, [copy](Napi::Env env) {
    const Totals& t = copy->totals;
    return number_record(env, {{"files", t.files}, {"symlinks", t.symlinks}, {"directories", t.directories}, {"bytes", t.bytes}});
  });
}

}  // namespace

void export_copy_tree(Napi::Env env, Napi::Object exports) {
  exports.Set("copyTree", Napi::Function::New(env, copy_tree, "copyTree"));
}

}  // namespace native
