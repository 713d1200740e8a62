class Ferry < Formula
  desc "Move files between machines, verified and durable"
  homepage "@HOMEPAGE@"
  version "@VERSION@"
  # No licence is granted yet.
  license :cannot_represent

  on_macos do
    on_arm do
      url "@DOWNLOADS@/ferry_@VERSION@_darwin_arm64.tar.gz"
      sha256 "@SHA256 darwin_arm64@"
    end
    on_intel do
      url "@DOWNLOADS@/ferry_@VERSION@_darwin_amd64.tar.gz"
      sha256 "@SHA256 darwin_amd64@"
    end
  end

  on_linux do
    on_arm do
      url "@DOWNLOADS@/ferry_@VERSION@_linux_arm64.tar.gz"
      sha256 "@SHA256 linux_arm64@"
    end
    on_intel do
      url "@DOWNLOADS@/ferry_@VERSION@_linux_amd64.tar.gz"
      sha256 "@SHA256 linux_amd64@"
    end
  end

  def install
    bin.install "ferry"
    man1.install "ferry.1"
    bash_completion.install "completion/ferry.bash" => "ferry"
    fish_completion.install "completion/ferry.fish"
    zsh_completion.install "completion/ferry.zsh" => "_ferry"
    prefix.install "copyright", "THIRD_PARTY.txt"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/ferry version")
    (testpath/"words").write "words"
    system bin/"ferry", "copy", "words", "copied"
    assert_equal "words", (testpath/"copied").read
  end
end
