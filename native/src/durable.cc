// syncFilesystem and copyFileDurably: waiting for a disk, on a thread, so that the agent answers meanwhile.
#include <fcntl.h>

#include <cerrno>

#include "files.hpp"

namespace native {
namespace {

using Info = Napi::CallbackInfo;

Napi::Value sync_filesystem(const Info& info) {
  Request request(info);
  auto dir = std::make_shared<Fd>(request.fd("dir"));
  const auto work = [dir](Bulk&) {
    if (kernel::syncfs(dir->get()) < 0) fail("syncfs", "");
  };
  return start_bulk(info.Env(), request, work, [](Napi::Env env) -> Napi::Value { return env.Undefined(); });
}

// One file, replaced as a whole.
class DurableCopy {
 public:
  explicit DurableCopy(const Request& request)
      : from_(request.fd("from")),
        to_(request.fd("to")),
        from_name_(request.text("fromName")),
        to_name_(request.text("toName")),
        temporary_(request.text("temporary")) {}

  void run(Bulk& bulk) {
    // Left by whoever was killed in between.
    if (kernel::unlinkat(to_.get(), temporary_.c_str(), 0) < 0 && errno != ENOENT) fail("unlinkat", temporary_);
    try {
      write_temporary(bulk);
      bulk.check();
      if (kernel::renameat2(to_.get(), temporary_.c_str(), to_.get(), to_name_.c_str(), 0) < 0) fail("renameat2", to_name_);
    } catch (...) {
      // What failed first is told; another failure here would hide it.
      kernel::unlinkat(to_.get(), temporary_.c_str(), 0);
      throw;
    }
    if (kernel::fsync(to_.get()) < 0) fail("fsync", to_name_);
  }

 private:
  void write_temporary(Bulk& bulk) {
    const Fd from = open_file(from_.get(), from_name_, from_name_);
    const struct stat st = stat_fd(from.get(), from_name_);
    if (!S_ISREG(st.st_mode)) throw DataError("InvalidArgument", from_name_ + " is not a regular file");
    const Fd to(kernel::openat(to_.get(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    if (!to) fail("openat", temporary_);
    Worker worker;
    copy_content(from.get(), to.get(), static_cast<uint64_t>(st.st_size), bulk, worker, temporary_);
    if (kernel::fchown(to.get(), st.st_uid, st.st_gid) < 0) fail("fchown", temporary_);
    // After the owner: chown clears the set-id bits.
    if (kernel::fchmod(to.get(), st.st_mode & 07777) < 0) fail("fchmod", temporary_);
    const struct timespec times[2] = {st.st_mtim, st.st_mtim};
    if (kernel::futimens(to.get(), times) < 0) fail("futimens", temporary_);
    bulk.check();
    if (kernel::fsync(to.get()) < 0) fail("fsync", temporary_);
  }

  Fd from_, to_;
  std::string from_name_, to_name_, temporary_;
};

Napi::Value copy_file_durably(const Info& info) {
  Request request(info);
  auto copy = std::make_shared<DurableCopy>(request);
  return start_bulk(info.Env(), request, [copy](Bulk& bulk) { copy->run(bulk); }, [](Napi::Env env) -> Napi::Value {
    return env.Undefined();
  });
}

}  // namespace

void export_durable(Napi::Env env, Napi::Object exports) {
  exports.Set("syncFilesystem", Napi::Function::New(env, sync_filesystem, "syncFilesystem"));
  exports.Set("copyFileDurably", Napi::Function::New(env, copy_file_durably, "copyFileDurably"));
}

}  // namespace native
