{
  "targets": [
    {
      "target_name": "atomic",
      "sources": [
        "src/addon.cc",
        "src/apply_delta.cc",
        "src/bulk.cc",
        "src/checkout_tree.cc",
        "src/copy_tree.cc",
        "src/deflate.cc",
        "src/durable.cc",
        "src/files.cc",
        "src/freeze.cc",
        "src/hashing.cc",
        "src/import_objects.cc",
        "src/ingest_filez.cc",
        "src/ingest_tree.cc",
        "src/kernel.cc",
        "src/objects.cc",
        "src/publish.cc",
        "src/remove.cc",
        "src/sha256.cc",
        "src/thin.cc",
        "src/thin_attributes.cc",
        "src/variant.cc",
        "src/xz.cc"
      ],
      "libraries": ["-llzma"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_CPP_EXCEPTIONS", "_GNU_SOURCE", "_FILE_OFFSET_BITS=64", "_GLIBCXX_ASSERTIONS"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20", "-fno-rtti"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden", "-fstack-protector-strong"],
      "cflags_cc": ["-std=c++20", "-fexceptions"]
    }
  ]
}
