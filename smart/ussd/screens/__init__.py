"""The screens, by what they are about: one function a key, one operation each, no rule of their own."""
