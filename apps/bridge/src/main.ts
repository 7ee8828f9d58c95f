import 'reflect-metadata';
import { Module, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { a, type B } from '@isthmus/model';
import { c } from './c.ts';
@Injectable() class S { x = a; }
@Module({ providers: [S] }) class M { s: S; constructor(s: S) { this.s = s; } }
const b: B = { x: 1 };
const app = await NestFactory.createApplicationContext(M);
console.log(app.get(S).x, b, c);
