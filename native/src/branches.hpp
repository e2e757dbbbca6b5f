// A tree of directories under work: a directory is finished (attributes set, or removed) after all below it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "kernel.hpp"

namespace native {

template <typename Payload>
struct Branch {
  std::shared_ptr<Branch> parent;
  std::string name;  // in the parent; for messages and calls relative to it
  std::string path;  // from the top, for messages; made by enter_branch: too long to keep for all that wait
  size_t depth = 0;
  Fd fd;
  Payload payload;
  // Itself and its children that are not finished.
  std::atomic<uint64_t> pending{1};
};

template <typename Payload>
std::shared_ptr<Branch<Payload>> make_branch(std::shared_ptr<Branch<Payload>> parent, std::string name, Payload payload) {
  auto branch = std::make_shared<Branch<Payload>>();
  branch->depth = parent->depth + 1;
  branch->name = std::move(name);
  branch->payload = std::move(payload);
  parent->pending++;
  branch->parent = std::move(parent);
  return branch;
}

// To be called before the branch is worked on, after its parent was.
template <typename Payload>
void enter_branch(Branch<Payload>& branch) {
  const std::string& above = branch.parent->path;
  branch.path = above.empty() ? branch.name : above + "/" + branch.name;
}

// Says that the branch itself is done; finishes it, and the parents whose last child it was.
template <typename Payload, typename Finish>
void settle_branch(std::shared_ptr<Branch<Payload>> branch, Finish finish) {
  while (branch && branch->pending.fetch_sub(1) == 1) {
    finish(*branch);
    branch->fd.reset();
    branch = branch->parent;
  }
}

}  // namespace native
