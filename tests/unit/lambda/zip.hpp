// A zip archive that is written into memory.
#pragma once
#include <doctest/doctest.h>
#include <minizip/zip.h>

#include <cstring>
#include <string>

namespace porteiro::lambda::test {

inline constexpr unsigned plain_file = 0100644, program = 0100755, link_mode = 0120777;

class Zip {
 public:
  Zip() {
    zlib_filefunc64_def functions{};
    functions.opaque = this;
    functions.zopen64_file = [](voidpf opaque, const void*, int) { return opaque; };
    functions.zread_file = [](voidpf, voidpf stream, void* out, uLong size) -> uLong {
      Zip& zip = of(stream);
      std::memcpy(out, zip.bytes_.data() + zip.at_, size);
      zip.at_ += size;
      return size;
    };
    functions.zwrite_file = [](voidpf, voidpf stream, const void* from, uLong size) -> uLong {
      Zip& zip = of(stream);
      zip.bytes_.resize(std::max(zip.bytes_.size(), zip.at_ + size));
      std::memcpy(zip.bytes_.data() + zip.at_, from, size);
      zip.at_ += size;
      return size;
    };
    functions.ztell64_file = [](voidpf, voidpf stream) -> ZPOS64_T { return of(stream).at_; };
    functions.zseek64_file = [](voidpf, voidpf stream, ZPOS64_T offset, int origin) -> long {
      Zip& zip = of(stream);
      zip.at_ = origin == ZLIB_FILEFUNC_SEEK_END   ? zip.bytes_.size() + offset
                : origin == ZLIB_FILEFUNC_SEEK_CUR ? zip.at_ + offset
                                                   : offset;
      return 0;
    };
    functions.zclose_file = [](voidpf, voidpf) { return 0; };
    functions.zerror_file = [](voidpf, voidpf) { return 0; };
    zip_ = zipOpen2_64("", APPEND_STATUS_CREATE, nullptr, &functions);
    REQUIRE(zip_ != nullptr);
  }
  Zip& add(const std::string& name, const std::string& content, unsigned mode = plain_file) {
    zip_fileinfo info{};
    info.external_fa = static_cast<uLong>(mode) << 16;
    constexpr unsigned long made_by_unix = 3 << 8;
    REQUIRE(zipOpenNewFileInZip4_64(zip_, name.c_str(), &info, nullptr, 0, nullptr, 0, nullptr,
                                    Z_DEFLATED, 9, 0, -MAX_WBITS, DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY,
                                    nullptr, 0, made_by_unix, 0, 0) == ZIP_OK);
    zipWriteInFileInZip(zip_, content.data(), static_cast<unsigned>(content.size()));
    REQUIRE(zipCloseFileInZip(zip_) == ZIP_OK);
    return *this;
  }
  std::string close() {
    REQUIRE(zipClose(zip_, nullptr) == ZIP_OK);
    return bytes_;
  }

 private:
  static Zip& of(voidpf stream) { return *static_cast<Zip*>(stream); }
  zipFile zip_ = nullptr;
  std::string bytes_;
  std::size_t at_ = 0;
};

}  // namespace porteiro::lambda::test
